"""The hub as a client of Tours4Fun: an agent's tour booked with the operator.

A listing's `id` is the operator's product. The vendor's order carries no text of ours: an order is found again by
its product, day, contact and rooms or tickets among those made since it was sent. What is alike in all of these must
have the same upgrades too: those and the rooms make the price, which itself is the vendor's, and nothing that is sent.
30001 words a refusal and a fault alike: what is there afterwards tells them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from orderhub.core.details import TourDetails
from orderhub.core.passengers import parse_date
from orderhub.core.values import LineKind, Status
from orderhub.core.zones import UnknownZone, instants_of, zone_of
from orderhub.dialects.client import (
    Answer,
    Answers,
    Ask,
    Blocked,
    Client,
    Done,
    Doubt,
    Finding,
    Found,
    Item,
    Itemizing,
    Job,
    Learnt,
    Link,
    Listed,
    Member,
    News,
    Placed,
    Placing,
    Probing,
    Refused,
    Request,
    Send,
    Signed,
    Telling,
    Told,
    Undoing,
    Window,
    body_of,
    json_of,
    target_of,
)
from orderhub.dialects.talks import (
    SLACK_US,
    Acting,
    Asking,
    blocked,
    goods,
    listed,
    member,
    not_read,
    objects,
    option,
    person_of,
    retry_after_s,
    step,
    text_of,
    unlisted,
    whole_of,
    written_with,
)
from orderhub.dialects.tours4fun.access import MICROSECONDS, sign
from orderhub.dialects.tours4fun.words import FAILED, MESSAGES, ORDER_STATUSES

_ADD, _CANCEL = "/v2/order/add", "/v2/order/cancel"
_LIST, _DETAIL = "/v2/order/list", "/v2/order/detail"
_PRODUCTS = "/v2/product/list"
_PAGE = 50
_LINES = ("tour", "ttd")
_ZONE = "Asia/Shanghai"
_SIGNED_WRONG, _OFTEN = 10001, 10002
_APP = range(10000, 20000)
# Those that say what is wrong with an order; of the others it cannot be told whether they do.
_CLEAR = frozenset(MESSAGES) - {FAILED[_ADD]}
_CANCELLING = 600
# Of a booking, by which it is known again.
_COMPARED = ("product_id", "departure_date", "contact", "rooms", "tickets", "upgrades")
# Of an order of another door: what the buyer wrote into the shop's form.
_DAY, _PICKUP = "departure_date", "departure_address"


class Tours4Fun(Client):
    credentials = (
        Member("appkey", "the key of an app", is_account=True),
        Member("secret", "its secret"),
    )
    options = (
        Member("time_zone", f"of the vendor's times; {_ZONE} if not said", False),
        Member("pickup", "departure_address of orders that name none", False, ".{1,1000}"),
        Member("lang", "language of the vendor's texts: cn, en or es", False, "[a-z_]{2,8}"),
    )

    def signed(self, link: Link, request: Request, at_us: int) -> Signed:
        body = body_of(request)
        appkey, at_s = link.credentials["appkey"], str(at_us // MICROSECONDS)
        signature = sign(appkey, at_s, link.credentials["secret"], body)
        lang = option(link, "lang")
        return Signed(
            method=request.method,
            target=target_of(
                request,
                ("appkey", appkey),
                ("t", at_s),
                ("sign", signature),
                *((("lang", lang),) if lang else ()),
            ),
            headers=(*request.headers, ("Content-Type", "application/json; charset=utf-8")),
            body=body,
        )

    def unfit(self, job: Job, link: Link) -> str:
        try:
            zone_of(option(link, "time_zone", _ZONE))
        except UnknownZone:
            return f"{option(link, 'time_zone')} is no time zone"
        told = unlisted(job)
        if told:
            return told
        ids = {job.listings[line.line_no].id for line in goods(job)}
        if len(ids) != 1:
            return "a booking is of one product"
        if not ids <= {str(whole_of(each)) for each in ids}:
            return f"{min(ids)} is no id of a product"
        body = _body(link, job)
        for name in ("departure_date", "departure_address"):
            if not body[name]:
                return f"the order says no {name}"
        for name, text in body["contact"].items():
            if not text:
                return f"the order's contact says no {name}"
        return ""

    def place(self, link: Link, job: Job, answers: Answers) -> Placing:
        return step(_place(_body(link, job)), answers)

    def sought(self, link: Link, job: Job) -> str:
        lines = goods(job)
        if not lines or lines[0].line_no not in job.listings:
            return "what is not listed"
        body = _body(link, job)
        return repr([(name, body.get(name)) for name in _COMPARED])

    def find(self, link: Link, job: Job, window: Window, answers: Answers) -> Finding:
        zone = option(link, "time_zone", _ZONE)
        return step(_find(_body(link, job), zone, window.since_us), answers)

    def probe(self, link: Link, answers: Answers) -> Probing:  # noqa: ARG002
        return step(_probe(), answers)

    def items(self, link: Link, answers: Answers) -> Itemizing:  # noqa: ARG002
        return step(_items(), answers)

    def news(
        self,
        link: Link,  # noqa: ARG002
        window: Window,  # noqa: ARG002 - the list tells no changes: each order is asked for
        placed: tuple[Placed, ...],
        answers: Answers,
    ) -> Telling:
        return step(_news(placed), answers)

    def cancel(
        self,
        link: Link,  # noqa: ARG002
        job: Job,
        placed: Placed,
        units: Mapping[int, int],
        answers: Answers,
    ) -> Undoing:
        """An unpaid booking; the vendor refunds none that is paid."""
        return step(_call_off(job, placed.number, units), answers)


CLIENT = Tours4Fun()


# --- answers


def _trouble(answer: Answer) -> Refused | Blocked | Doubt | None:
    """Why an answer is no success; None = it is one."""
    body = json_of(answer)
    code, message = member(body, "code"), text_of(member(body, "msg"))
    stop = blocked(answer, message)
    if stop is not None:
        return stop
    if answer.status != 200 or not isinstance(code, int):
        return Doubt(f"HTTP {answer.status}: {message or 'no answer of the vendor'}")
    if code == 0:
        return None
    said = f"{code}: {message or 'no reason is given'}"
    if code == _OFTEN:
        return Blocked(said, retry_after_s=retry_after_s(answer) or 1.0)
    if code in _APP:
        return Blocked(said, is_login=code == _SIGNED_WRONG)
    return Refused(said) if code in _CLEAR else Doubt(said)


def _asked(answer: Answer) -> Blocked | Doubt | None:
    trouble = _trouble(answer)
    return Doubt(trouble.reason) if isinstance(trouble, Refused) else trouble


# --- the booking


def _body(link: Link, job: Job) -> dict[str, Any]:
    """`order/add`. What nobody said is empty: `unfit` finds it."""
    order = job.order
    line = goods(job)[0]
    listing = job.listings[line.line_no]
    person = person_of(order.doc.contact, order.doc.ship_to)
    body: dict[str, Any] = {
        "product_id": whole_of(listing.id),
        "departure_date": "",
        "departure_address": "",
        "upgrades": {},
        "rooms": [],
        "contact": {
            "first_name": person.first_name,
            "last_name": person.last_name,
            "mobile": person.phone,
            "email": person.email,
        },
        "guest_info": [],
    }
    booked = order.doc.business
    if isinstance(booked, TourDetails):
        body |= _booked(job, booked, listing.data)
    else:
        body |= _bought(job, listing.data)
    body["departure_address"] = body["departure_address"] or option(link, "pickup")
    return body


def _booked(job: Job, booked: TourDetails, data: Mapping[str, Any]) -> dict[str, Any]:
    """Of a booking at our own door. Its options and tickets may have other ids there: `data` says which."""
    upgrades: dict[str, list[str]] = {}
    for taken in booked.upgrades:
        named = f"{taken.id}:{taken.option}"
        group, _, chosen = text_of(member(data.get("upgrades"), named) or named).partition(":")
        upgrades.setdefault(group, []).append(chosen)
    body: dict[str, Any] = {
        "departure_date": booked.date,
        "departure_address": booked.pickup,
        "upgrades": upgrades,
        "rooms": [
            {"adult": room.adults, "kid": room.kids, "single_pairup": int(room.pairup)}
            for room in booked.rooms
        ],
        "guest_info": [{**guest.answers, "type": guest.kind} for guest in booked.guests],
    }
    if booked.tickets:
        body["tickets"] = [
            {
                "sku_id": whole_of(member(data.get("tickets"), str(each.sku_id)) or each.sku_id),
                "count": each.count,
            }
            for each in booked.tickets
        ]
    elif not booked.rooms:
        for title, name in (("Adult", "adult"), ("Child", "kid")):
            count = sum(
                line.quantity
                for line in job.lines
                if line.kind is LineKind.TICKET and line.title == title
            )
            if count:
                body[name] = count
    return body


def _bought(job: Job, data: Mapping[str, Any]) -> dict[str, Any]:
    """Of a shop that sells tours as goods: the day and the place stand in what the buyer wrote for the line."""
    written: dict[str, Any] = {}
    for line in goods(job):
        written |= written_with(line)
    day = parse_date(text_of(written.get(_DAY)).strip())
    units = sum(line.quantity for line in goods(job))
    ticket = whole_of(data.get("ticket"))
    body: dict[str, Any] = {
        "departure_date": day.isoformat() if day else "",
        "departure_address": text_of(written.get(_PICKUP)).strip(),
    }
    if ticket:
        body["tickets"] = [{"sku_id": ticket, "count": units}]
    else:
        body["adult"] = units
    return body


def _place(body: dict[str, Any]) -> Acting[Placed | Refused | Blocked | Doubt]:
    answer = yield Send(Request(path=_ADD, body=body))
    trouble = _trouble(answer)
    if isinstance(trouble, Doubt) and isinstance(member(json_of(answer), "code"), int):
        # What was just made would stand on the first page.
        rows = yield from _orders(lambda _: True)
        if isinstance(rows, list) and not any(_is_alike(body, row) for row in rows):
            return Refused(trouble.reason)
    if trouble is not None:
        return trouble
    number = text_of(member(json_of(answer), "data", "order_id"))
    return Placed(number) if number else Doubt("the answer has no order_id")


# --- finding it again


def _orders(
    is_past: Callable[[list[dict[str, Any]]], bool],
) -> Asking[list[dict[str, Any]] | Blocked | Doubt]:
    """Orders, newest first, to the page behind which nothing is sought."""

    def page(number: int) -> Request:
        return Request(path=_LIST, body={"page": number, "page_size": _PAGE})

    total = ("data", "total_num")
    return (
        yield from listed(
            page, _asked, ("data", "order_list"), total=total, size=_PAGE, is_past=is_past
        )
    )


def _find(body: dict[str, Any], zone: str, since_us: int) -> Asking[Found | Blocked | Doubt]:
    oldest_us = since_us - SLACK_US

    def is_past(rows: list[dict[str, Any]]) -> bool:
        # Among the newest may be sales of long ago that were written down today.
        return all(_touched_at(row, zone) < oldest_us for row in rows)

    rows = yield from _orders(is_past)
    if not isinstance(rows, list):
        return rows
    recent = [row for row in rows if _at(row, "created_at", zone) >= oldest_us]
    alike = [text_of(row.get("order_id")) for row in recent if _is_alike(body, row)]
    found = []
    for number in dict.fromkeys(alike):
        answer = yield Ask(Request(path=_DETAIL, body={"order_id": whole_of(number)}))
        trouble = _asked(answer)
        if trouble is not None:
            return trouble
        if _has_upgrades(body, member(json_of(answer), "data")):
            found.append(Placed(number))
    if alike and not found:
        told = ", ".join(dict.fromkeys(alike))
        return Doubt(f"for the same day and contact there is {told}, with other upgrades")
    return Found(tuple(found))


def _touched_at(row: Mapping[str, Any], zone: str) -> int:
    """When it was made or, where the vendor says so, changed: the later of both."""
    names = {"created_at"} | ({"updated_at"} & row.keys())
    return max(_at(row, name, zone) for name in names)


def _at(row: Mapping[str, Any], name: str, zone: str) -> int:
    """A time of an order, as late as it may mean; one that cannot be read is as new as can be."""
    try:
        local = datetime.strptime(  # noqa: DTZ007 - a local time of the vendor's zone
            text_of(row.get(name)), "%Y-%m-%d %H:%M:%S"
        )
        return max(instants_of(zone, local))
    except (ValueError, OverflowError):
        return 2**62


def _is_alike(body: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    products = objects(row.get("product_list"))
    return len(products) == 1 and _same_product(body, products[0])


def _same_product(body: Mapping[str, Any], product: Mapping[str, Any]) -> bool:
    contact = product.get("contact")
    people = objects(contact) or ([contact] if isinstance(contact, dict) else [])
    return (
        whole_of(product.get("product_id")) == body["product_id"]
        and text_of(product.get("departure_date"))[:10] == body["departure_date"]
        and any(_same_person(body["contact"], person) for person in people)
        and _same_counts(body, product, "rooms", "adult", "kid")
        and _same_counts(body, product, "tickets", "sku_id", "count")
    )


def _same_person(ours: Mapping[str, str], theirs: Mapping[str, Any]) -> bool:
    """By what is said on both sides, the e-mail and the phone at least."""
    pairs = (
        ("email", ("email",)),
        ("mobile", ("telephone", "mobile")),
        ("first_name", ("firstname", "first_name")),
        ("last_name", ("lastname", "last_name")),
    )
    for name, names in pairs:
        shown = next((text_of(theirs[each]) for each in names if each in theirs), "")
        if shown.strip().lower() != ours[name].strip().lower():
            return False
    return True


def _same_counts(
    body: Mapping[str, Any], product: Mapping[str, Any], part: str, *names: str
) -> bool:
    """Rooms or tickets, where the vendor shows them at all."""
    return part not in product or _counts(body.get(part), names) == _counts(product[part], names)


def _counts(rows: Any, names: tuple[str, ...]) -> list[tuple[int, ...]]:
    return sorted(tuple(whole_of(row.get(name)) for name in names) for row in objects(rows))


def _has_upgrades(body: Mapping[str, Any], order: Any) -> bool:
    products = objects(member(order, "product_list"))
    taken = {
        (text_of(each.get("upgrade_id")), text_of(each.get("option_id")))
        for product in products
        for each in objects(product.get("upgrades"))
    }
    wanted = {(group, option) for group, options in body["upgrades"].items() for option in options}
    return taken == wanted


# --- what else is asked


def _probe() -> Asking[Learnt | Blocked | Doubt]:
    answer = yield Ask(Request(path=_LIST, body={"page": 1, "page_size": 1}))
    trouble = _asked(answer) or not_read(answer, "data", "order_list")
    if trouble is not None:
        return trouble
    total = whole_of(member(json_of(answer), "data", "total_num"))
    return Learnt(f"the app sees {total} orders", {"orders": str(total)})


def _items() -> Asking[Listed | Blocked | Doubt]:
    """The list wants a line of products, at least: both that there are."""
    found: dict[str, Item] = {}
    for line in _LINES:

        def page(number: int, line: str = line) -> Request:
            body = {"product_line": line, "page": number, "page_size": _PAGE}
            return Request(path=_PRODUCTS, body=body)

        rows = yield from listed(page, _asked, ("data", "products"), size=_PAGE, is_whole=False)
        if not isinstance(rows, list):
            return rows
        for row in rows:
            number = text_of(row.get("product_id"))
            if number:
                found[number] = Item(id=number, title=text_of(row.get("name")))
    return Listed(tuple(found.values()))


# --- what happened


def _shown(number: str) -> Asking[int | Blocked | Doubt]:
    """The status of an order, in the vendor's code."""
    answer = yield Ask(Request(path=_DETAIL, body={"order_id": whole_of(number)}))
    trouble = _asked(answer)
    code = whole_of(member(json_of(answer), "data", "order_status"))
    return trouble or code or Doubt(f"order {number} is not shown")


def _news(placed: tuple[Placed, ...]) -> Asking[Told | Blocked | Doubt]:
    told: list[News] = []
    for each in placed:
        code = yield from _shown(each.number)
        if isinstance(code, Blocked):
            return code
        # One order that is not shown keeps nothing back of the others.
        if isinstance(code, int):
            told += _happened(each.number, code)
    return Told(tuple(told))


def _happened(number: str, code: int) -> Iterator[News]:
    """340 is a ticket that was issued; 600 is still being cancelled."""
    status = None if code == _CANCELLING else ORDER_STATUSES.get(code)
    if status in (Status.SHIPPED, Status.COMPLETED):
        yield News(number=number, kind="shipped", id="shipped")
    if status is Status.COMPLETED:
        yield News(number=number, kind="completed", id="completed")
    elif status is Status.CANCELLED:
        yield News(number=number, kind="cancelled", id="cancelled")
    elif status is Status.REFUNDED:
        yield News(number=number, kind="refunded", id="refunded")


def _call_off(
    job: Job, number: str, units: Mapping[int, int]
) -> Acting[Done | Refused | Blocked | Doubt]:
    code = yield from _shown(number)
    if not isinstance(code, int):
        return code
    if ORDER_STATUSES.get(code) in (Status.CANCELLED, Status.REFUNDED):
        return Done("it was called off there before")
    if units:
        return Refused("a booking is called off as a whole")
    body = {"order_id": whole_of(number), "cancel_reason": f"Called off: {job.marker}"}
    answer = yield Send(Request(path=_CANCEL, body=body))
    trouble = _trouble(answer)
    return trouble or Done("cancelled")
