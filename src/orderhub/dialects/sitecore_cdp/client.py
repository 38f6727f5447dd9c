"""The hub as a client of Sitecore CDP: every sale recorded in the customers' history, with its items and its guest.

An order is unique there by its reference and its time, so that sending it again adds nothing: 409 means that it is
there. Nothing is listed: the history takes what it is told. Its orders have no life of their own: there is no news.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from orderhub.core.money import plain, total
from orderhub.core.values import Line, LineKind, Order
from orderhub.dialects.client import (
    Answer,
    Answers,
    Ask,
    Blocked,
    Client,
    Done,
    Doubt,
    Finding,
    Finishing,
    Found,
    Job,
    Learnt,
    Link,
    Member,
    Placed,
    Placing,
    Probing,
    Refused,
    Request,
    Send,
    Signed,
    Undoing,
    Window,
    body_of,
    json_of,
    target_of,
)
from orderhub.dialects.conforming import basic
from orderhub.dialects.sitecore_cdp.kinds import CHANNELS, MAX_LONG_TEXT, MAX_NAME, MAX_TEXT
from orderhub.dialects.sitecore_cdp.mapping import ECHOED, ITEM_DATA
from orderhub.dialects.sitecore_cdp.show import (
    is_ours,
    parts_of,
    people_in,
    reference_of,
    status_of,
)
from orderhub.dialects.sitecore_cdp.times import micros_of, time_text
from orderhub.dialects.talks import (
    Acting,
    Asking,
    blocked,
    filled,
    in_words,
    listed,
    member,
    not_read,
    objects,
    option,
    person_of,
    step,
    text_of,
    too_long,
)

_ORDERS = "/v2.1/orders"
_GUESTS = "/v2.1/guests"
_PAGE = 50
_MS = 1_000


class SitecoreCdp(Client):
    credentials = (
        Member("client_key", "the client key", is_account=True),
        Member("api_token", "the API token"),
    )
    options = (
        Member("point_of_sale", "pointOfSale of every order", False, ".{1,200}"),
        Member("channel", "channel of every order", False, "|".join(CHANNELS)),
    )
    marker = "referenceId with orderedAt"
    needs_listings = False
    records_only = True

    def signed(self, link: Link, request: Request, at_us: int) -> Signed:  # noqa: ARG002
        login = basic(f"{link.credentials['client_key']}:{link.credentials['api_token']}")
        headers = [*request.headers, ("Authorization", login)]
        if request.body is not None:
            headers.append(("Content-Type", "application/json"))
        return Signed(
            method=request.method,
            target=target_of(request),
            headers=tuple(headers),
            body=body_of(request),
        )

    def unfit(self, job: Job, link: Link) -> str:  # noqa: ARG002
        return too_long([("the order's number", reference_of(job.order), MAX_TEXT)])

    def place(self, link: Link, job: Job, answers: Answers) -> Placing:
        return step(_place(link, job), answers)

    def find(
        self,
        link: Link,  # noqa: ARG002
        job: Job,
        window: Window,  # noqa: ARG002 - its name finds it, whenever it was made
        answers: Answers,
    ) -> Finding:
        return step(_find(job), answers)

    def finish(self, link: Link, job: Job, placed: Placed, answers: Answers) -> Finishing:  # noqa: ARG002
        return step(_finish(job, placed.number), answers)

    def probe(self, link: Link, answers: Answers) -> Probing:  # noqa: ARG002
        return step(_probe(), answers)

    def cancel(
        self,
        link: Link,  # noqa: ARG002
        job: Job,
        placed: Placed,
        units: Mapping[int, int],
        answers: Answers,
    ) -> Undoing:
        word = "PARTIALY_REFUNDED" if units else "CANCELLED"
        return step(_restate(job, placed.number, word), answers)

    def refund(
        self,
        link: Link,  # noqa: ARG002
        job: Job,
        placed: Placed,
        units: Mapping[int, int],
        amount: Decimal | None,
        answers: Answers,
    ) -> Undoing:
        word = "PARTIALY_REFUNDED" if units or amount is not None else "REFUNDED"
        return step(_restate(job, placed.number, word), answers)


CLIENT = SitecoreCdp()


# --- answers


def _said(answer: Answer) -> str:
    body = json_of(answer)
    told = text_of(member(body, "developerMessage")) or text_of(member(body, "message"))
    return f"{answer.status}: {told or 'no reason is given'}"


def _trouble(answer: Answer, *good: int) -> Refused | Blocked | Doubt | None:
    """Why an answer is no success; None = it is one."""
    if answer.status in good:
        return None
    stop = blocked(answer, text_of(member(json_of(answer), "message")))
    if stop is not None:
        return stop
    return Refused(_said(answer)) if answer.status == 400 else Doubt(_said(answer))


def _asked(answer: Answer) -> Blocked | Doubt | None:
    trouble = _trouble(answer, 200)
    return Doubt(trouble.reason) if isinstance(trouble, Refused) else trouble


# --- the order


def _members(link: Link, job: Job) -> dict[str, Any]:
    order = job.order
    body = {
        "referenceId": reference_of(order),
        "orderedAt": _ordered_at(order),
        "price": _price(job),
        "currencyCode": order.currency,
        "status": status_of(order),
        "paymentType": order.doc.payments[-1].way if order.doc.payments else "",
    }
    if is_ours(order):
        body |= {name: order.doc.vendor[name] for name in ECHOED if name in order.doc.vendor}
    for name, said in (("pointOfSale", "point_of_sale"), ("channel", "channel")):
        body[name] = option(link, said) or body.get(name)
    return filled(body)


def _ordered_at(order: Order) -> str:
    """To the millisecond: what is finer, servers of this kind do not keep."""
    return time_text(order.occurred_at - order.occurred_at % _MS)


def _price(job: Job) -> Decimal:
    return plain(job.order.total if job.is_whole else total([line.gross for line in job.lines]))


def _place(link: Link, job: Job) -> Acting[Placed | Refused | Blocked | Doubt]:
    answer = yield Send(Request(path=_ORDERS, body=_members(link, job)))
    if answer.status == 409:
        return Doubt(f"it is there: {_said(answer)}")
    trouble = _trouble(answer, 201)
    if trouble is not None:
        return trouble
    ref = text_of(member(json_of(answer), "ref"))
    return Placed(ref) if ref else Doubt("the answer has no ref")


def _find(job: Job) -> Asking[Found | Blocked | Doubt]:
    wanted = micros_of(_ordered_at(job.order), needs_time=True)
    rows = yield from _expanded(_ORDERS, ("referenceId", reference_of(job.order)))
    if not isinstance(rows, list):
        return rows
    refs = [text_of(row.get("ref")) for row in rows if _is_of(row, wanted)]
    return Found(tuple(Placed(ref) for ref in refs if ref))


def _expanded(path: str, *names: tuple[str, str]) -> Asking[list[dict[str, Any]] | Blocked | Doubt]:
    """All of a list, with what each holds."""

    def page(number: int) -> Request:
        paging = (("offset", str((number - 1) * _PAGE)), ("limit", str(_PAGE)))
        return Request(method="GET", path=path, query=(*names, ("expand", "true"), *paging))

    return (yield from listed(page, _asked, ("items",), size=_PAGE))


def _is_of(row: Mapping[str, Any], wanted: int) -> bool:
    try:
        at = micros_of(text_of(row.get("orderedAt")), needs_time=True)
    except ValueError:
        return False
    return at - at % _MS == wanted


def _probe() -> Asking[Learnt | Blocked | Doubt]:
    """Who is nobody's e-mail address is looked up: nothing is made, and only a valid login is answered."""
    query = (("email", "nobody@example.invalid"), ("limit", "1"))
    answer = yield Ask(Request(method="GET", path=_GUESTS, query=query))
    trouble = _asked(answer) or not_read(answer, "items")
    return trouble or Learnt("the client key and the API token are taken")


# --- its items and its guest


def _finish(job: Job, ref: str) -> Acting[Placed | Blocked | Doubt]:
    """Items are known again by the references that they are given, and the guest by being there.

    The order itself is there: what is refused of its parts is told, and not tried for ever.
    """
    items = yield from _expanded(f"{_ORDERS}/{ref}/orderItems")
    if not isinstance(items, list):
        return items
    there = {text_of(each.get("referenceId")) for each in items}
    not_taken: dict[str, str] = {}
    for line in job.lines:
        item = _item(job, line)
        if item["referenceId"] not in there:
            answer = yield Send(Request(path=f"{_ORDERS}/{ref}/orderItems", body=item))
            trouble = _trouble(answer, 200, 201)
            if isinstance(trouble, Refused):
                not_taken[f"line {line.line_no}"] = trouble.reason
            elif trouble is not None:
                return trouble
    people = _contacts(job.order, not_taken)
    if not people:
        return _placed_without(ref, not_taken)
    answer = yield Ask(Request(method="GET", path=f"{_ORDERS}/{ref}"))
    stop = _asked(answer)
    if stop is not None:
        return stop
    contacts = member(json_of(answer), "contacts")
    if not isinstance(contacts, dict):
        return Doubt("the order is not shown with its contacts")
    for contact in people[len(objects(contacts.get("items"))) :]:
        answer = yield Send(Request(path=f"{_ORDERS}/{ref}/contacts", body=contact))
        trouble = _trouble(answer, 200, 201)
        if isinstance(trouble, Refused):
            not_taken["contact"] = trouble.reason
        elif trouble is not None:
            return trouble
    return _placed_without(ref, not_taken)


def _placed_without(ref: str, parts: Mapping[str, str]) -> Placed:
    return Placed(ref, reason="; ".join(f"{part}: {why}" for part, why in parts.items()))


def _item(job: Job, line: Line) -> dict[str, Any]:
    order = job.order
    item = {
        "name": (line.title or line.sku or f"Line {line.line_no}")[:MAX_NAME],
        "description": in_words(line)[:MAX_LONG_TEXT],
        "type": line.kind.value.upper(),
        "productId": (line.sku or str(line.product_id or line.line_no))[:MAX_TEXT],
        "price": plain(line.unit_gross),
        "quantity": line.quantity,
        "currencyCode": order.currency,
        "status": "CANCELLED" if line.cancelled else status_of(order),
    }
    if line.kind is LineKind.RECORDED_ITEM:
        item |= _recorded(line, order.currency)
    name = line.data.get("referenceId")
    if not name or [each.data.get("referenceId") for each in job.lines].count(name) > 1:
        name = f"{reference_of(order)[: MAX_TEXT - 8]}-{line.line_no}"
    return filled({**item, "referenceId": name})


def _recorded(line: Line, currency: str) -> dict[str, Any]:
    """An item that was recorded through this vendor's own door, as it was stated there."""
    said = {name: line.data.get(name) for name in ITEM_DATA}
    status = "CANCELLED" if line.cancelled else said["status"]
    return {
        **said,
        "name": line.title,
        "productId": line.sku,
        "quantity": line.data.get("stated_quantity", line.quantity),
        "currencyCode": said["currencyCode"] or currency,
        "status": status,
    }


def _contacts(order: Order, not_taken: dict[str, str]) -> list[dict[str, Any]]:
    """Who bought, as far as the order says, and in `not_taken` what of it cannot be said."""
    if is_ours(order):
        return [dict(each["members"]) for _, each in people_in(parts_of(order), "contacts")]
    contact = _contact(order)
    email = "".join(contact.get("emails", ()))
    if email and "@" not in email[1:-1]:
        not_taken["email"] = "it is no e-mail address"
        del contact["emails"]
    return [contact] if contact else []


def _contact(order: Order) -> dict[str, Any]:
    """Who bought, as far as the order says; empty = nobody by whom a guest could be found."""
    to = order.doc.ship_to
    person = person_of(order.doc.contact, to)
    told: dict[str, Any] = {
        "firstName": person.first_name,
        "lastName": person.last_name,
        "emails": [person.email] if person.email else [],
        "phoneNumbers": [person.phone] if person.phone else [],
    }
    if not any(told.values()):
        return {}
    if to is not None:
        told |= {
            "street": [each for each in (to.street1, to.street2) if each],
            "city": to.city,
            "country": to.country,
            "postCode": to.postcode,
            "state": to.province,
        }
    return {name: value for name, value in told.items() if value}


# --- what became of it


def _restate(job: Job, ref: str, word: str) -> Acting[Done | Refused | Blocked | Doubt]:
    """The history's word for it. The pages mark the order's names as needed in an update, though they cannot change."""
    body = {
        "referenceId": reference_of(job.order),
        "orderedAt": _ordered_at(job.order),
        "price": _price(job),
        "currencyCode": job.order.currency,
        "status": word,
    }
    answer = yield Send(Request(method="PATCH", path=f"{_ORDERS}/{ref}", body=body))
    return _trouble(answer, 200) or Done(word)
