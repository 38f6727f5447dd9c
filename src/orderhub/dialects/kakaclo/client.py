"""The hub as a client of KakaClo: orders shipped by the dropshipper, in either version of its API.

A listing's `id` is the vendor's SKU code. Discounts and freight of ours stay here: the vendor has prices of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from orderhub.core.values import MICROSECONDS, Address
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
    Limit,
    Link,
    Listed,
    Member,
    News,
    Pending,
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
from orderhub.dialects.kakaclo.access import BUCKET, LEAK_PER_S
from orderhub.dialects.kakaclo.show import moment
from orderhub.dialects.kakaclo.wire import MAX_ITEMS
from orderhub.dialects.kakaclo.words import SUCCESS
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
    step,
    text_of,
    too_long,
    units_by_id,
    unlisted,
    whole_of,
    written_for,
)

_PATHS = {"1": "/openapi/v1/order/orders", "2": "/openapi/v2/order/orders"}
_CREATE = {"1": "/openapi/v1/order/order", "2": "/openapi/v2/order/orders"}
_REFERENCE = {"1": "CustomOrderNumber", "2": "customOrderId"}
_PLATFORM = {"1": "SalePlatform", "2": "salePlatform"}
_PRODUCTS = "/openapi/v1/product/products"
_PAGE = 50
_ROWS, _TOTAL = ("data", "list"), ("data", "total")
_LARGEST_PAGE = 250  # more refunds no order has
_NOTE = 2_000
# From before the vendor's first product to after its last.
_ALWAYS = (("dateStartTime", "2000-01-01T00:00:00Z"), ("dateEndTime", "2099-12-28T00:00:00Z"))
_MOST = {
    "recipient": 32,
    "phone": 64,
    "country": 32,
    "province": 32,
    "city": 64,
    "street1": 64,
    "street2": 64,
    "zip": 32,
    "ioss": 32,
    "vat": 32,
}
_GONE = ("refunded", "refund")
# Of one refund.
_REFUNDED = "refund_successfully"
_DECIDED = (_REFUNDED, "refund_failed")
_DELIVERED = ("delivered", "completed")
_SHIPPED = (*_DELIVERED, "shipped", "fully_shipped")


class KakaClo(Client):
    credentials = (Member("token", "the bearer token"),)
    options = (
        Member("version", "of the vendor's API: 1 or 2; 2 if not said", False, "[12]"),
        Member("country", "where orders go whose address names no country", False, "[A-Z]{2}"),
        Member("sale_platform", "SalePlatform of every order", False, ".{1,64}"),
    )
    # A bucket of so many that leaks two a second never runs over at so many a minute.
    limits = (Limit(BUCKET, BUCKET / LEAK_PER_S),)
    marker = "CustomOrderNumber"
    tells_windows = True

    def signed(self, link: Link, request: Request, at_us: int) -> Signed:  # noqa: ARG002
        headers = [*request.headers, ("Authorization", f"Bearer {link.credentials['token']}")]
        if request.body is not None:
            headers.append(("Content-Type", "application/json"))
        return Signed(
            method=request.method,
            target=target_of(request),
            headers=tuple(headers),
            body=body_of(request),
        )

    def unfit(self, job: Job, link: Link) -> str:
        to = job.order.doc.ship_to
        if to is None:
            return "the order has no address to ship to"
        address = _address(to, link)
        for name in ("country", "phone", "recipient", "province"):
            if not address.get(name):
                return f"the address says no {name}"
        texts = ((name, text, _MOST[name]) for name, text in address.items())
        if len(goods(job)) > MAX_ITEMS:
            return f"more than {MAX_ITEMS} lines"
        return too_long(texts) or unlisted(job)

    def place(self, link: Link, job: Job, answers: Answers) -> Placing:
        return step(_place(link, job), answers)

    def find(self, link: Link, job: Job, window: Window, answers: Answers) -> Finding:
        return step(_find(link, job, window), answers)

    def probe(self, link: Link, answers: Answers) -> Probing:
        return step(_probe(link), answers)

    def items(self, link: Link, answers: Answers) -> Itemizing:  # noqa: ARG002
        return step(_items(), answers)

    def news(
        self, link: Link, window: Window, placed: tuple[Placed, ...], answers: Answers
    ) -> Telling:
        return step(_news(link, window, placed), answers)

    def cancel(
        self, link: Link, job: Job, placed: Placed, units: Mapping[int, int], answers: Answers
    ) -> Undoing:
        return step(_call_off(link, job, placed, units), answers)

    def refund(
        self,
        link: Link,
        job: Job,
        placed: Placed,
        units: Mapping[int, int],
        amount: Decimal | None,  # noqa: ARG002 - the vendor gives back what its units cost
        answers: Answers,
    ) -> Undoing:
        """The vendor has one call for both."""
        return step(_call_off(link, job, placed, units), answers)


CLIENT = KakaClo()


# --- answers


def _trouble(answer: Answer) -> Refused | Blocked | Doubt | None:
    """Why an answer is no success; None = it is one."""
    body = json_of(answer)
    code, message = member(body, "code"), text_of(member(body, "message"))
    stop = blocked(answer, message)
    if stop is not None:
        return stop
    if answer.status == 200 and code == SUCCESS:
        return None
    said = f"{whole_of(code) or answer.status}: {message or 'no reason is given'}"
    if answer.status == 400:
        return Refused(said)
    if answer.status != 200 or not whole_of(code):
        return Doubt(said)
    # Statuses of HTTP, worded as codes behind a 200.
    like = blocked(Answer(status=whole_of(code), headers=answer.headers), message)
    if like is not None:
        return like
    return Doubt(said) if 500 <= whole_of(code) < 600 else Refused(said)


def _asked(answer: Answer) -> Blocked | Doubt | None:
    """The same of a call that changes nothing: what is refused there says nothing of an order."""
    trouble = _trouble(answer)
    return Doubt(trouble.reason) if isinstance(trouble, Refused) else trouble


# --- placing


def _address(to: Address, link: Link) -> dict[str, str]:
    """The address in the vendor's members, those that say something. What it has no member for stands in street2."""
    more = [each for each in (to.street2, to.town, to.district, to.company) if each]
    members = {
        "country": to.country or option(link, "country"),
        "phone": to.phone,
        "recipient": f"{to.recipient} {to.last_name}".strip(),
        "province": to.province or to.city,
        "city": to.city,
        "street1": to.street1,
        "street2": ", ".join(more),
        "zip": to.postcode,
        "ioss": to.ioss,
        "vat": to.vat,
    }
    return {name: text for name, text in members.items() if text}


def _place(link: Link, job: Job) -> Acting[Placed | Refused | Blocked | Doubt]:
    version = option(link, "version", "2")
    assert job.order.doc.ship_to is not None, "unfit has looked"
    address = _address(job.order.doc.ship_to, link)
    units = units_by_id(job, {line.line_no: line.quantity for line in goods(job)})
    body: dict[str, Any] = {
        # The document's table has the one name, its sample the other.
        "orderAddress": address,
        "orderAddresses": address,
        "orderItemsList": [{"sku": sku, "quantity": count} for sku, count in units.items()],
        _REFERENCE[version]: job.marker,
    }
    if remark := "\n".join((job.order.doc.notes, *written_for(job))).strip():
        body["remark"] = remark[:_NOTE]
    if option(link, "sale_platform"):
        body[_PLATFORM[version]] = option(link, "sale_platform")
    if version == "2":
        body["channelType"] = "Standard"
    answer = yield Send(Request(path=_CREATE[version], body=body))
    trouble = _trouble(answer)
    if trouble is not None:
        return trouble
    data = member(json_of(answer), "data")
    # The first draft had it in an object.
    number = text_of(data) or text_of(member(data, "kkOrderId")) or text_of(member(data, "id"))
    return Placed(number) if number else Doubt("the answer has no order number")


def _span(window: Window) -> tuple[str, str]:
    end = window.until_us + SLACK_US + MICROSECONDS
    return moment(window.since_us - SLACK_US) or "", moment(end) or ""


def _orders(
    link: Link, more: tuple[tuple[str, str], ...]
) -> Asking[list[dict[str, Any]] | Blocked | Doubt]:
    """All orders of the list."""
    path = _PATHS[option(link, "version", "2")]

    def page(number: int) -> Request:
        paging = (("pageNumber", str(number)), ("pageSize", str(_PAGE)))
        return Request(method="GET", path=path, query=(*more, *paging))

    return (yield from listed(page, _asked, _ROWS, total=_TOTAL, size=_PAGE))


def _find(link: Link, job: Job, window: Window) -> Asking[Found | Blocked | Doubt]:
    start, end = _span(window)
    found = yield from _orders(link, (("createStartTime", start), ("createEndTime", end)))
    if not isinstance(found, list):
        return found
    names = tuple(_REFERENCE.values())
    numbers = {
        text_of(each.get("id"))
        for each in found
        if any(each.get(name) == job.marker for name in names)
    }
    return Found(tuple(Placed(number) for number in sorted(numbers - {""})))


def _probe(link: Link) -> Asking[Learnt | Blocked | Doubt]:
    path = _PATHS[option(link, "version", "2")]
    query = (("pageNumber", "1"), ("pageSize", "1"))
    answer = yield Ask(Request(method="GET", path=path, query=query))
    trouble = _asked(answer) or not_read(answer, *_ROWS)
    if trouble is not None:
        return trouble
    total = whole_of(member(json_of(answer), "data", "total"))
    return Learnt(f"the account has {total} orders", {"orders": str(total)})


def _items() -> Asking[Listed | Blocked | Doubt]:
    def page(number: int) -> Request:
        query = (*_ALWAYS, ("pageNumber", str(number)))
        return Request(method="GET", path=_PRODUCTS, query=query)

    products = yield from listed(page, _asked, _ROWS, total=_TOTAL, is_whole=False)
    if not isinstance(products, list):
        return products
    found: list[Item] = []
    for product in products:
        for sku in objects(product.get("skuDetails")):
            code = text_of(sku.get("sku"))
            title = text_of(sku.get("skuName")) or text_of(product.get("productName"))
            if code:
                found.append(Item(id=code, sku=code, title=title))
    return Listed(tuple(found))


# --- what happened


def _news(link: Link, window: Window, placed: tuple[Placed, ...]) -> Asking[Told | Blocked | Doubt]:
    """Either version's members are read: what the other has is missing."""
    start, end = _span(window)
    queries: list[tuple[tuple[str, str], ...]] = [
        (("updateStartTime", start), ("updateEndTime", end))
    ]
    if placed:
        numbers = [each.number for each in placed]
        queries = [
            (("ids", ",".join(numbers[first : first + _PAGE])),)
            for first in range(0, len(numbers), _PAGE)
        ]
    told: list[News] = []
    for query in queries:
        found = yield from _orders(link, query)
        if not isinstance(found, list):
            return found
        told += [news for order in found for news in _happened(order)]
    return Told(tuple(told))


def _happened(order: Mapping[str, Any]) -> Iterator[News]:
    number = text_of(order.get("id"))
    words = {text_of(order.get(name)) for name in ("status", "fulfillmentStatus")}
    is_shipped = not words.isdisjoint(_SHIPPED)
    for package in objects(order.get("fulfillments")):
        tracking = text_of(package.get("trackingCode"))
        # A package is made ready before it has a number, and is told of once.
        if tracking or is_shipped:
            carrier = package.get("carrier") or package.get("logisticsProviders")
            yield News(
                number=number,
                kind="shipped",
                id=text_of(package.get("id")) or tracking,
                units=_units(package.get("items") or package.get("orderItems"), "productNum"),
                carrier=text_of(carrier),
                tracking=tracking,
            )
    if not words.isdisjoint(_DELIVERED):
        yield News(number=number, kind="completed", id="completed")
    back = _units(order.get("orderItems"), "refundedNum")
    is_gone = text_of(order.get("refundStatus")) in _GONE or not words.isdisjoint(_GONE)
    # What was never paid was called off, even if a balance that was drawn for it came back.
    was_unpaid = "cancel" in words and text_of(order.get("financialStatus")) == "NULL"
    if is_gone and not was_unpaid:
        yield News(number=number, kind="refunded", id="refunded")
    elif "cancel" in words:
        yield News(number=number, kind="cancelled", id="cancelled")
    elif back:
        yield News(number=number, kind="refunded", id=f"refunded:{sum(back.values())}", units=back)


def _units(items: Any, name: str) -> dict[str, int]:
    """SKU code -> units."""
    found: dict[str, int] = {}
    for item in objects(items):
        code, count = text_of(item.get("skuCode")), whole_of(item.get(name))
        if code and count:
            found[code] = found.get(code, 0) + count
    return found


# --- calling off


def _call_off(
    link: Link, job: Job, placed: Placed, units: Mapping[int, int]
) -> Acting[Done | Pending | Refused | Blocked | Doubt]:
    """The vendor's refund, before anything ships. It is decided within a day: news says how."""
    version = option(link, "version", "2")
    found = yield from _orders(link, (("ids", placed.number),))
    if not isinstance(found, list):
        return found
    order = next((each for each in found if text_of(each.get("id")) == placed.number), None)
    if order is None:
        return Refused(f"the vendor has no order {placed.number}")
    words = {text_of(order.get(name)) for name in ("status", "refundStatus")}
    if not words.isdisjoint((*_GONE, "cancel")):
        return Done("it was called off there before")
    if "refunding" in words:
        return Pending("it is being called off there")
    body: dict[str, Any] = {"remark": f"Called off: {job.marker}"}
    if version == "2":
        body["refundReason"] = "Other"
    if units:
        items = _refund_items(order, units_by_id(job, units))
        if items is None:
            return Refused("the order there has no such units left")
        if not items:
            return Done("it was called off there before")
        if version == "1":
            return Refused("the first version of the vendor's API refunds whole orders alone")
        refunds = yield from _refunds(version, placed.number)
        if not isinstance(refunds, dict):
            return refunds
        if undecided := [no for no, status in refunds.items() if status not in _DECIDED]:
            return Pending(f"refund {undecided[0]} is being decided there")
        body["orderItems"] = items
    answer = yield Send(Request(path=f"{_PATHS[version]}/{placed.number}/refund", body=body))
    trouble = _trouble(answer)
    if trouble is not None:
        return trouble
    refund = text_of(member(json_of(answer), "data"))
    refunds = yield from _refunds(version, placed.number)
    status = refunds.get(refund, "") if isinstance(refunds, dict) else ""
    if status == _REFUNDED:
        return Done(f"refund {refund}")
    if status in _DECIDED:
        return Refused(f"refund {refund} failed")
    return Pending(f"asked for, as refund {refund}")


def _refunds(version: str, number: str) -> Asking[dict[str, str] | Blocked | Doubt]:
    """The refunds of an order: number -> status."""
    path = f"{_PATHS[version]}/refund/{number}"
    paging = (("pageNumber", "1"), ("pageSize", str(_LARGEST_PAGE)))
    answer = yield Ask(Request(method="GET", path=path, query=paging))
    trouble = _asked(answer)
    if trouble is not None:
        return trouble
    rows = member(json_of(answer), "data", "list")
    if not isinstance(rows, list):
        return Doubt("the refunds of the order are not listed")
    return {
        text_of(each.get("refundNo")): text_of(each.get("refundStatus")) for each in objects(rows)
    }


def _refund_items(
    order: Mapping[str, Any], wanted: Mapping[str, int]
) -> list[dict[str, Any]] | None:
    """What is not off yet of these units of SKUs, as units of the vendor's items, which may be split by country.

    None = there are not so many.
    """
    off = _units(order.get("orderItems"), "refundedNum")
    left = {code: max(0, count - off.get(code, 0)) for code, count in wanted.items()}
    found: list[dict[str, Any]] = []
    for item in objects(order.get("orderItems")):
        code = text_of(item.get("skuCode"))
        there = whole_of(item.get("productNum")) - whole_of(item.get("refundedNum"))
        count = min(left.get(code, 0), there)
        if count <= 0:
            continue
        left[code] -= count
        more = {
            "itemId": text_of(item.get("itemId")) or text_of(item.get("id")),
            "countryCode": text_of(item.get("countryCode")),
        }
        named = {name: value for name, value in more.items() if value}
        found.append({"skuCode": code, "quantity": count, **named})
    return None if any(left.values()) else found
