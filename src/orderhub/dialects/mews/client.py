"""The hub as a client of the Mews Connector: what was sold is put on a guest's account.

A listing's `id` is the vendor's product; `item` posts a custom item, as lines do that name nothing of our catalogue.
The marker stands in the notes, which every item of the order shows. What was posted ships nowhere: the only news of
it is that items were cancelled there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from orderhub.core.details import ChargeDetails
from orderhub.core.listings import subject_of
from orderhub.core.money import plain
from orderhub.core.values import Line, Order
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
from orderhub.dialects.mews.access import NAME, RATE_LIMIT, RATE_WINDOW_S
from orderhub.dialects.mews.mapping import MAX_INT
from orderhub.dialects.mews.times import utc
from orderhub.dialects.talks import (
    MOST_PAGES,
    SLACK_US,
    Acting,
    Asking,
    blocked,
    filled,
    goods,
    member,
    objects,
    option,
    rows_of,
    step,
    text_of,
    too_many,
    whole_of,
    written_for,
)

_BASE = "/api/connector/v1/"
_ADD = f"{_BASE}orders/add"
_CLIENT = "OrderHub 1.0.0"
_PAGE = 100
_NAME = 255
_NOTES = 9_000
# An interval may be three months long, of which the shortest have so many days.
_STRETCH_US = 89 * 86_400_000_000
_AT_ONCE = 10  # items in one call that cancels them
_CUSTOM = "item"
_CANCELED = "Canceled"
_TOKENS = ("ClientToken", "AccessToken", "Client")
_UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


class Mews(Client):
    credentials = (
        Member("client_token", "the application's ClientToken"),
        Member("access_token", "the enterprise's AccessToken"),
    )
    options = (
        Member("service_id", "the service that is charged", False, _UUID),
        Member("account_id", "the account charged for orders that name none", False, _UUID),
        Member("bill_id", "the bill of that account; not said = an open one", False, _UUID),
        Member(
            "enterprise_id",
            "the enterprise, for a portfolio's token",
            False,
            _UUID,
            is_account=True,
        ),
        Member("pricing", "of the enterprise: Gross or Net; Gross if not said", False, "Gross|Net"),
        Member(
            "prices",
            "ours, or theirs: the products' own there; ours if not said",
            False,
            "ours|theirs",
        ),
        Member("tax_codes", "of what no listing says otherwise, with commas", False, ".{1,200}"),
        Member(
            "client", f"name and version to show there; {_CLIENT} if not said", False, ".{1,100}"
        ),
    )
    limits = (Limit(RATE_LIMIT, RATE_WINDOW_S),)
    marker = "Notes"
    tells_windows = True
    needs_listings = False  # see `unfit`: what names a product of ours must be listed

    def signed(self, link: Link, request: Request, at_us: int) -> Signed:  # noqa: ARG002
        shown = {
            "ClientToken": link.credentials["client_token"],
            "AccessToken": link.credentials["access_token"],
            "Client": option(link, "client", _CLIENT),
        }
        request = Request(path=request.path, body={**shown, **(request.body or {})})
        return Signed(
            method=request.method,
            target=target_of(request),
            headers=(("Content-Type", "application/json"),),
            body=body_of(request),
        )

    def unfit(self, job: Job, link: Link) -> str:
        if not _account(job.order, link):
            return "neither the order nor the connection says whose account is charged"
        if not _service(job.order, link):
            return "neither the order nor the connection says which service is charged"
        for line in goods(job):
            if subject_of(line.product_id, line.variant_id) and line.line_no not in job.listings:
                return f"line {line.line_no} ({line.sku or line.title}) is not listed here"
            if line.quantity > MAX_INT:
                return f"line {line.line_no} has more units than the vendor counts"
        return ""

    def place(self, link: Link, job: Job, answers: Answers) -> Placing:
        return step(_place(link, job), answers)

    def sought(self, link: Link, job: Job) -> str:
        return f"{_service(job.order, link)} {_account(job.order, link)}"

    def number_of(self, typed: str) -> str:
        return super().number_of(typed).lower()

    def find(self, link: Link, job: Job, window: Window, answers: Answers) -> Finding:
        return step(_find(link, job, window), answers)

    def probe(self, link: Link, answers: Answers) -> Probing:
        return step(_probe(link), answers)

    def items(self, link: Link, answers: Answers) -> Itemizing:
        return step(_items(link), answers)

    def news(
        self, link: Link, window: Window, placed: tuple[Placed, ...], answers: Answers
    ) -> Telling:
        return step(_news(link, window, placed), answers)

    def heard(self, body: bytes) -> tuple[str, ...] | None:
        """General webhooks: which orders are another now, and nothing of them."""
        events = member(json_of(Answer(status=200, body=body)), "Events")
        if not isinstance(events, list):
            return None
        named = (
            text_of(member(event, "Value", "Id")).lower()
            for event in objects(events)
            if event.get("Discriminator") == "ServiceOrderUpdated"
        )
        return tuple(dict.fromkeys(each for each in named if each))

    def cancel(
        self, link: Link, job: Job, placed: Placed, units: Mapping[int, int], answers: Answers
    ) -> Undoing:
        return step(_call_off(link, job, placed.number, units), answers)

    def refund(
        self,
        link: Link,
        job: Job,
        placed: Placed,
        units: Mapping[int, int],
        amount: Decimal | None,  # noqa: ARG002 - items come off as they are
        answers: Answers,
    ) -> Undoing:
        """What was charged comes off the account: the vendor has one call for both."""
        return step(_call_off(link, job, placed.number, units), answers)


CLIENT = Mews()


# --- answers


def _trouble(answer: Answer) -> Refused | Blocked | Doubt | None:
    """Why an answer is no success; None = it is one."""
    if answer.status in (200, 204):
        return None
    message = text_of(member(json_of(answer), "Message"))
    said = f"{answer.status}: {message or 'no reason is given'}"
    if answer.status == 403 and message:
        return Refused(said)  # a rule of the enterprise's, in a sentence for the end user
    stop = blocked(answer, message)
    if stop is not None:
        return stop
    if answer.status == 400:
        if any(name in message.split() for name in _TOKENS):
            return Blocked(said, is_login=True)
        return Refused(said)
    return Doubt(said)


def _asked(answer: Answer) -> Blocked | Doubt | None:
    trouble = _trouble(answer)
    return Doubt(trouble.reason) if isinstance(trouble, Refused) else trouble


# --- placing


def _is_of_mews(order: Order) -> bool:
    return order.channel == NAME and isinstance(order.doc.business, ChargeDetails)


def _account(order: Order, link: Link) -> str:
    """Of an order through our own Connector door its own: such a hub stands before the property, with its ids."""
    return (order.account if _is_of_mews(order) else "") or option(link, "account_id")


def _service(order: Order, link: Link) -> str:
    return option(link, "service_id") or (order.service if _is_of_mews(order) else "")


def _body(link: Link, job: Job) -> dict[str, Any]:
    order = job.order
    products, items = [], []
    for line in job.lines:
        listing = job.listings.get(line.line_no)
        data = {} if listing is None else listing.data
        if listing is None or listing.id == _CUSTOM:
            items.append(_item(link, order, line, listing.title if listing else "", data))
            continue
        product: dict[str, Any] = {"ProductId": listing.id, "Count": line.quantity}
        if option(link, "prices", "ours") == "ours":
            product["UnitAmount"] = _amount(link, order, line, data)
        own = _own(order, line)
        times = {"StartUtc": utc(own.get("start")), "EndUtc": utc(own.get("end"))}
        products.append(product | filled({**times, "ExternalIdentifier": own.get("external")}))
    written = "\n".join((order.doc.notes.strip(), *written_for(job))).strip()
    body: dict[str, Any] = {
        "ServiceId": _service(order, link),
        "AccountId": _account(order, link),
        "ConsumptionUtc": utc(order.service_at or order.occurred_at),
        "Notes": f"{written[:_NOTES]}\n{job.marker}".strip(),
        "ProductOrders": products,
        "Items": items,
    }
    if option(link, "bill_id") and body["AccountId"] == option(link, "account_id"):
        body["BillId"] = option(link, "bill_id")
    return _of_enterprise(link, body | _of_order(order))


def _of_order(order: Order) -> dict[str, Any]:
    """What an order of our own Connector door says besides: it names things of the property."""
    details = order.doc.business
    if not (_is_of_mews(order) and isinstance(details, ChargeDetails)):
        return {}
    is_plain = order.doc.vendor.get("disable_item_grouping")
    return filled(
        {
            "BillId": order.bill,
            "BusinessSegmentId": details.segment,
            "LinkedReservationId": details.reservation,
            "Options": None if is_plain is None else {"DisableItemGrouping": is_plain},
        }
    )


def _own(order: Order, line: Line) -> Mapping[str, Any]:
    """What a line of our own Connector door keeps; of another door's, its members mean something else."""
    return line.data if _is_of_mews(order) else {}


def _item(
    link: Link, order: Order, line: Line, title: str, data: Mapping[str, Any]
) -> dict[str, Any]:
    """A custom item."""
    own = _own(order, line)
    item = {
        "Name": (title or line.title or line.sku or line.kind.value)[:_NAME],
        "UnitCount": line.quantity,
        "UnitAmount": _amount(link, order, line, data),
    }
    return item | filled(
        {
            "AccountingCategoryId": text_of(data.get("accounting_category_id"))
            or own.get("category"),
            "Category": own.get("stated_category"),
            "ExternalIdentifier": own.get("external"),
        }
    )


def _of_enterprise(link: Link, body: dict[str, Any]) -> dict[str, Any]:
    enterprise = option(link, "enterprise_id")
    return {**body, "EnterpriseId": enterprise} if enterprise else body


def _amount(link: Link, order: Order, line: Line, data: Mapping[str, Any]) -> dict[str, Any]:
    """The price of a unit as it was sold, on the side of the tax where the enterprise has its prices."""
    codes = data.get("tax_codes")
    if not isinstance(codes, list) and _is_of_mews(order):
        codes = [part.code for part in line.taxes]
    elif not isinstance(codes, list):
        codes = [each.strip() for each in option(link, "tax_codes").split(",") if each.strip()]
    is_net = option(link, "pricing", "Gross") == "Net"
    return {
        "Currency": order.currency,
        "NetValue" if is_net else "GrossValue": plain(line.unit_net if is_net else line.unit_gross),
        "TaxCodes": codes,
    }


def _place(link: Link, job: Job) -> Acting[Placed | Refused | Blocked | Doubt]:
    answer = yield Send(Request(path=_ADD, body=_body(link, job)))
    trouble = _trouble(answer)
    if trouble is not None:
        return trouble
    number = text_of(member(json_of(answer), "OrderId"))
    return Placed(number.lower()) if number else Doubt("the answer has no OrderId")


# --- lists


def _every(
    operation: str, name: str, filters: Mapping[str, Any]
) -> Asking[list[dict[str, Any]] | Blocked | Doubt]:
    """All rows of a list, page by page."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        limitation = {"Count": _PAGE, **({"Cursor": cursor} if cursor else {})}
        body = {**filters, "Limitation": limitation}
        answer = yield Ask(Request(path=f"{_BASE}{operation}", body=body))
        trouble = _asked(answer)
        if trouble is not None:
            return trouble
        rows = rows_of(answer, name)
        if isinstance(rows, Doubt):
            return rows
        found += rows
        cursor = text_of(member(json_of(answer), "Cursor"))
        if len(rows) < _PAGE or not cursor:
            return found
    return too_many()


def _items_within(
    link: Link, window: Window, by: str, filters: Mapping[str, Any]
) -> Asking[list[dict[str, Any]] | Blocked | Doubt]:
    """The order items of a window, which may be longer than the vendor's longest."""
    found: list[dict[str, Any]] = []
    since, until = window.since_us - SLACK_US, window.until_us + SLACK_US
    enterprise = option(link, "enterprise_id")
    more = {"EnterpriseIds": [enterprise]} if enterprise else {}
    while since < until:
        end = min(since + _STRETCH_US, until)
        interval = {by: {"StartUtc": utc(since), "EndUtc": utc(end)}}
        rows = yield from _every("orderItems/getAll", "OrderItems", {**filters, **interval, **more})
        if not isinstance(rows, list):
            return rows
        found += rows
        since = end
    return found


def _find(link: Link, job: Job, window: Window) -> Asking[Found | Blocked | Doubt]:
    filters = {
        "ServiceIds": [_service(job.order, link)],
        "AccountIds": [_account(job.order, link)],
    }
    items = yield from _items_within(link, window, "CreatedUtc", filters)
    if not isinstance(items, list):
        return items
    numbers = dict.fromkeys(
        text_of(item.get("ServiceOrderId")).lower()
        for item in items
        if job.marker in text_of(item.get("Notes"))
    )
    return Found(tuple(Placed(number) for number in numbers if number))


def _probe(link: Link) -> Asking[Learnt | Blocked | Doubt]:
    body = _of_enterprise(link, {})
    answer = yield Ask(Request(path=f"{_BASE}configuration/get", body=body))
    trouble = _asked(answer)
    if trouble is not None:
        return trouble
    enterprise = member(json_of(answer), "Enterprise")
    if not isinstance(enterprise, dict):
        return Doubt("the answer has no Enterprise")
    facts = {
        "enterprise": text_of(member(enterprise, "Name")),
        "enterprise_id": text_of(member(enterprise, "Id")),
        "pricing": text_of(member(enterprise, "Pricing")),
    }
    currencies = objects(member(enterprise, "Currencies"))
    default = [text_of(each.get("Currency")) for each in currencies if each.get("IsDefault")]
    if default:
        facts["currency"] = default[0]
    about = f"{facts['enterprise'] or 'an enterprise'}, prices are {facts['pricing'] or 'not told'}"
    return Learnt(about, {name: value for name, value in facts.items() if value})


def _items(link: Link) -> Asking[Listed | Blocked | Doubt]:
    services = [option(link, "service_id")] if option(link, "service_id") else []
    if not services:
        rows = yield from _every("services/getAll", "Services", {})
        if not isinstance(rows, list):
            return rows
        services = [text_of(row.get("Id")) for row in rows]
    if not services:
        return Listed(())
    rows = yield from _every("products/getAll", "Products", {"ServiceIds": services})
    if not isinstance(rows, list):
        return rows
    return Listed(
        tuple(
            Item(id=text_of(row.get("Id")), title=_title(row))
            for row in rows
            if row.get("IsActive", True) and text_of(row.get("Id"))
        )
    )


def _title(row: Mapping[str, Any]) -> str:
    names = row.get("Names")
    first = next(iter(names.values()), "") if isinstance(names, dict) else ""
    return text_of(first) or text_of(row.get("Name"))


# --- what happened


def _news(link: Link, window: Window, placed: tuple[Placed, ...]) -> Asking[Told | Blocked | Doubt]:
    """The orders of which items were cancelled in the window, then all of their items: it is told in all."""
    numbers = [each.number for each in placed]
    if not placed:
        service = option(link, "service_id")
        filters = {"ServiceIds": [service]} if service else {}
        items = yield from _items_within(link, window, "CanceledUtc", filters)
        if not isinstance(items, list):
            return items
        numbers = sorted({text_of(item.get("ServiceOrderId")).lower() for item in items} - {""})
    told: list[News] = []
    for start in range(0, len(numbers), _PAGE):
        some = numbers[start : start + _PAGE]
        items = yield from _every("orderItems/getAll", "OrderItems", {"ServiceOrderIds": some})
        if not isinstance(items, list):
            return items
        for number in some:
            of_order = [i for i in items if text_of(i.get("ServiceOrderId")).lower() == number]
            told += _happened(number, of_order)
    return Told(tuple(told))


def _happened(number: str, items: list[dict[str, Any]]) -> Iterator[News]:
    gone = [item for item in items if item.get("AccountingState") == _CANCELED]
    if gone and len(gone) == len(items):
        yield News(number=number, kind="cancelled", id="cancelled")
    elif gone:
        units: dict[str, int] = {}
        for item in gone:
            name = _product(item) or text_of(item.get("BillingName"))
            units[name] = units.get(name, 0) + whole_of(item.get("UnitCount"))
        name = f"cancelled:{','.join(sorted(text_of(item.get('Id')) for item in gone))}"
        yield News(number=number, kind="cancelled", id=name, units=units)


def _product(item: Mapping[str, Any]) -> str:
    return text_of(member(item.get("Data"), "Product", "ProductId"))


# --- calling off


def _call_off(
    link: Link, job: Job, number: str, units: Mapping[int, int]
) -> Acting[Done | Refused | Blocked | Doubt]:
    """Items come off whole, at most ten in a call, all of them or none."""
    items = yield from _every("orderItems/getAll", "OrderItems", {"ServiceOrderIds": [number]})
    if not isinstance(items, list):
        return items
    chosen = _of_units(job, items, units) if units else items
    if isinstance(chosen, Refused):
        return chosen
    ids = [text_of(item.get("Id")) for item in chosen if _stands(item)]
    for start in range(0, len(ids), _AT_ONCE):
        body = _of_enterprise(link, {"OrderItemIds": ids[start : start + _AT_ONCE]})
        answer = yield Send(Request(path=f"{_BASE}orderItems/cancel", body=body))
        trouble = _trouble(answer)
        if trouble is not None:
            return trouble
    return Done(f"{len(ids)} items cancelled" if ids else "it was called off there before")


def _stands(item: Mapping[str, Any]) -> bool:
    return item.get("AccountingState") != _CANCELED


def _of_units(
    job: Job, items: list[dict[str, Any]], units: Mapping[int, int]
) -> list[dict[str, Any]] | Refused:
    """The item of each line: the same thing, in the same number; of several alike one that is off before."""
    left = sorted(items, key=_stands)
    found: list[dict[str, Any]] = []
    for line in job.lines:
        count = units.get(line.line_no, 0)
        if not count:
            continue
        if count != line.quantity:
            return Refused(f"line {line.line_no}: items come off whole, not in part")
        listing = job.listings.get(line.line_no)
        product = "" if listing is None or listing.id == _CUSTOM else listing.id.lower()
        item = next(
            (
                each
                for each in left
                if whole_of(each.get("UnitCount")) == count
                and (_product(each).lower() == product if product else not _product(each))
            ),
            None,
        )
        if item is None:
            return Refused(f"line {line.line_no} has no such item there")
        left.remove(item)
        found.append(item)
    return found
