"""The hub as a client of an AnQiCMS shop: it orders there as one of the shop's users.

A listing's `id` is the product's, with the SKU's behind a colon where it has one: `900` or `900:3`. The marker
stands in the remark. Every failure is a -1 with a sentence, a fault of the shop's too: what is there afterwards tells
them apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from orderhub.core.values import MICROSECONDS, Address, Status
from orderhub.dialects.anqicms.access import DAY_S
from orderhub.dialects.anqicms.mapping import ADDRESS_MEMBERS, DEFAULT_TYPE
from orderhub.dialects.anqicms.show import STATUS_CODES
from orderhub.dialects.anqicms.words import FAILED, LOGIN, OK
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
    LoggedIn,
    LoggingIn,
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
from orderhub.dialects.talks import (
    SLACK_US,
    Acting,
    Asking,
    blocked,
    goods,
    listed,
    member,
    option,
    retry_after_s,
    step,
    text_of,
    too_long,
    unlisted,
    whole_of,
    written_with,
)

_ID = re.compile(r"([1-9][0-9]{0,17})(?::([1-9][0-9]{0,17}))?", re.ASCII)
_PAGE = 50
_SITE = "the number of the site, where one server has several"
_TIMES = ("created_time", "updated_time")
_REMARK = 250
# The columns of the original's address.
_MOST = {
    "name": 64,
    "last_name": 64,
    "phone": 20,
    "email": 100,
    "province": 100,
    "city": 100,
    "town": 100,
    "country": 100,
    "address_info": 255,
    "company": 250,
    "postcode": 36,
}
_STATUS = {code: status for status, code in STATUS_CODES.items()}


class AnQiCms(Client):
    credentials = (
        Member("token", "a user's token; or user_name and password, to log in with", False),
        Member("site", _SITE, False, "[0-9]{1,18}", is_account=True),
        Member("user_name", "a user's name", False, is_account=True),
        Member("password", "that user's password", False),
    )
    options = (
        Member(
            "pay_way",
            "how orders are paid once they are there; not said = not",
            False,
            "[a-z]{1,20}",
        ),
    )
    marker = "remark"

    def login(self, link: Link, answers: Answers) -> LoggingIn:
        if link.credentials.get("token"):
            return LoggedIn(link.credentials["token"])
        return step(_login(link), answers)

    def signed(self, link: Link, request: Request, at_us: int) -> Signed:  # noqa: ARG002
        headers = list(request.headers)
        token = link.session or link.credentials.get("token", "")
        if token:
            headers.append(("Token", token))
        if request.body is not None:
            headers.append(("Content-Type", "application/json"))
        site = link.credentials.get("site", "")
        body = request.body
        if request.path == _LOGIN:
            body = {**body, "password": link.credentials.get("password", "")}
        return Signed(
            method=request.method,
            target=target_of(request, *((("site_id", site),) if site else ())),
            headers=tuple(headers),
            body=body_of(Request(path=request.path, body=body)),
        )

    def unfit(self, job: Job, link: Link) -> str:  # noqa: ARG002
        for line in goods(job):
            listing = job.listings.get(line.line_no)
            if listing is not None and _ID.fullmatch(listing.id) is None:
                return f"{listing.id} is no id of a product, nor of a product and a SKU (900:3)"
        to = job.order.doc.ship_to
        texts = () if to is None else tuple(_address(to).items())
        return too_long((name, text, _MOST[name]) for name, text in texts) or unlisted(job)

    def place(self, link: Link, job: Job, answers: Answers) -> Placing:  # noqa: ARG002
        return step(_place(job), answers)

    def find(
        self,
        link: Link,  # noqa: ARG002
        job: Job,
        window: Window,
        answers: Answers,
    ) -> Finding:
        return step(_find(job, window.since_us), answers)

    def finish(self, link: Link, job: Job, placed: Placed, answers: Answers) -> Finishing:  # noqa: ARG002
        return step(_pay(placed, option(link, "pay_way")), answers)

    def probe(self, link: Link, answers: Answers) -> Probing:  # noqa: ARG002
        return step(_probe(), answers)

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
        job: Job,  # noqa: ARG002
        placed: Placed,
        units: Mapping[int, int],
        answers: Answers,
    ) -> Undoing:
        return step(_call_off(placed.number, units), answers)

    def refund(
        self,
        link: Link,  # noqa: ARG002
        job: Job,  # noqa: ARG002
        placed: Placed,
        units: Mapping[int, int],
        amount: Decimal | None,  # noqa: ARG002 - whole orders alone
        answers: Answers,
    ) -> Undoing:
        return step(_call_off(placed.number, units), answers)


CLIENT = AnQiCms()


# --- answers

_LOGIN = "/api/login"


def _trouble(answer: Answer) -> Refused | Blocked | Doubt | None:
    """Why an answer is no success; None = it is one. A -1 is `Refused` here, be it the shop's own fault or not."""
    body = json_of(answer)
    code, message = member(body, "code"), text_of(member(body, "msg"))
    stop = blocked(answer, message)
    if stop is not None:
        return stop
    if answer.status != 200 or not isinstance(code, int):
        return Doubt(f"HTTP {answer.status}: {message or 'no answer of the shop'}")
    if code == OK:
        return None
    said = f"{code}: {message or 'no reason is given'}"
    if code == LOGIN:
        return Blocked(said, is_login=True)
    if code != FAILED:
        return Refused(said)
    wait_s = retry_after_s(answer)
    return Blocked(said, retry_after_s=wait_s) if wait_s else Refused(said)


def _asked(answer: Answer) -> Blocked | Doubt | None:
    trouble = _trouble(answer)
    return Doubt(trouble.reason) if isinstance(trouble, Refused) else trouble


def _login(link: Link) -> Asking[LoggedIn | Blocked | Doubt]:
    """The password is put in with the other credentials, when the call is made."""
    name = link.credentials.get("user_name", "")
    if not name:
        return Blocked("the connection has neither a token nor a user_name", is_login=True)
    answer = yield Ask(Request(path=_LOGIN, body={"user_name": name, "remember": True}))
    trouble = _trouble(answer)
    if isinstance(trouble, Refused):
        return Blocked(trouble.reason, is_login=True)
    if trouble is not None:
        return trouble
    token = text_of(member(json_of(answer), "data", "token"))
    # It may be good for 30 days; a fresh one costs nothing.
    return LoggedIn(token, DAY_S / 2) if token else Doubt("the login has no token")


# --- placing


def _address(to: Address) -> dict[str, str]:
    """The address in the shop's members. `country` holds the district: a nation is no part of its addresses."""
    told = {theirs: getattr(to, ours) for theirs, ours in ADDRESS_MEMBERS.items()}
    told["address_info"] = ", ".join(each for each in (to.street1, to.street2) if each)
    if not told["country"]:
        told["country"] = to.country
    return {name: text for name, text in told.items() if text}


def _remark(job: Job) -> str:
    notes = job.order.doc.notes.strip()[: _REMARK - len(job.marker) - 1]
    return f"{notes} {job.marker}".strip()


def _body(job: Job) -> dict[str, Any]:
    details = []
    for line in goods(job):
        found = _ID.fullmatch(job.listings[line.line_no].id)
        assert found is not None, "unfit has looked"
        detail: dict[str, Any] = {"goods_id": int(found[1]), "quantity": line.quantity}
        if written := written_with(line):
            detail["order_extra"] = written
        if found[2]:
            detail["goods_sku_id"] = int(found[2])
        details.append(detail)
    body: dict[str, Any] = {"details": details, "type": DEFAULT_TYPE, "remark": _remark(job)}
    if job.order.doc.ship_to is not None:
        body["address"] = _address(job.order.doc.ship_to)
    return body


def _place(job: Job) -> Acting[Placed | Refused | Blocked | Doubt]:
    answer = yield Send(Request(path="/api/order/create", body=_body(job)))
    trouble = _trouble(answer)
    if isinstance(trouble, Refused):
        found = yield from _find(job, None)
        if isinstance(found, Found):
            return Doubt(trouble.reason) if found.candidates else trouble
        return Doubt(trouble.reason)
    if trouble is not None:
        return trouble
    number = text_of(member(json_of(answer), "data", "order_id"))
    return Placed(number) if number else Doubt("the answer has no order_id")


def _find(job: Job, since_us: int | None) -> Asking[Found | Blocked | Doubt]:
    """The orders whose remark holds the marker, newest first; None = on the first page."""

    def page(number: int) -> Request:
        query = (("current", str(number)), ("pageSize", str(_PAGE)))
        return Request(method="GET", path="/api/orders", query=query)

    def is_past(rows: list[dict[str, Any]]) -> bool:
        # Among the newest may be sales of long ago that were written down today.
        times = [whole_of(row.get(name)) for row in rows for name in _TIMES]
        return since_us is None or max(times, default=0) * MICROSECONDS < since_us - SLACK_US

    rows = yield from listed(page, _asked, ("data",), total=("total",), size=_PAGE, is_past=is_past)
    if not isinstance(rows, list):
        return rows
    found = [
        text_of(row.get("order_id")) for row in rows if job.marker in text_of(row.get("remark"))
    ]
    return Found(tuple(Placed(number) for number in dict.fromkeys(found) if number))


def _probe() -> Asking[Learnt | Blocked | Doubt]:
    answer = yield Ask(Request(method="GET", path="/api/user/detail"))
    trouble = _asked(answer)
    if trouble is not None:
        return trouble
    user = member(json_of(answer), "data")
    if not isinstance(user, dict):
        return Doubt("the answer names no user")
    name = text_of(member(user, "user_name")) or text_of(member(user, "id"))
    return Learnt(f"logged in as {name or 'a user'}", {"user": name})


def _detail(number: str) -> Asking[Mapping[str, Any] | Blocked | Doubt]:
    query = (("order_id", number),)
    answer = yield Ask(Request(method="GET", path="/api/order/detail", query=query))
    trouble = _asked(answer)
    if trouble is not None:
        return trouble
    data = member(json_of(answer), "data")
    return data if isinstance(data, dict) else Doubt(f"order {number} is not shown")


def _status(order: Mapping[str, Any]) -> Status | None:
    code = order.get("status")
    return _STATUS.get(code) if isinstance(code, int) else None


def _pay(placed: Placed, way: str) -> Acting[Placed | Blocked | Doubt]:
    """Pays what waits for payment, where the connection says how. What is refused is told, and the order stands."""
    if not way:
        return placed
    order = yield from _detail(placed.number)
    if isinstance(order, Blocked | Doubt):
        return order
    if _status(order) is not Status.PENDING:
        return placed
    body = {"order_id": placed.number, "pay_way": way}
    answer = yield Send(Request(path="/api/order/payment", body=body))
    trouble = _trouble(answer)
    if isinstance(trouble, Refused):
        return replace(placed, reason=f"it is not paid there: {trouble.reason}")
    return trouble or placed


# --- what happened


def _news(placed: tuple[Placed, ...]) -> Asking[Told | Blocked | Doubt]:
    told: list[News] = []
    for each in placed:
        order = yield from _detail(each.number)
        if isinstance(order, Blocked):
            return order
        # One order that is not shown keeps nothing back of the others.
        if not isinstance(order, Doubt):
            told += _happened(each.number, order)
    return Told(tuple(told))


def _happened(number: str, order: Mapping[str, Any]) -> Iterator[News]:
    status = _status(order)
    left_us = whole_of(order.get("deliver_time")) * MICROSECONDS
    if status is Status.SHIPPED or (status is Status.COMPLETED and left_us):
        yield News(
            number=number,
            kind="shipped",
            id="shipped",
            carrier=text_of(order.get("express_company")),
            tracking=text_of(order.get("tracking_number")),
            at_us=left_us,
        )
    if status is Status.COMPLETED:
        yield News(number=number, kind="completed", id="completed")
    elif status is Status.CANCELLED:
        yield News(number=number, kind="cancelled", id="cancelled")
    elif status is Status.REFUNDED:
        yield News(number=number, kind="refunded", id="refunded")


# --- calling off


def _call_off(
    number: str, units: Mapping[int, int]
) -> Acting[Done | Pending | Refused | Blocked | Doubt]:
    """An unpaid order is cancelled; of any other a refund is asked for, which the shop decides."""
    order = yield from _detail(number)
    if isinstance(order, Blocked | Doubt):
        return order
    status = _status(order)
    if status in (Status.CANCELLED, Status.REFUNDED):
        return Done("it was called off there before")
    if status is Status.REFUNDING:
        return Pending("a refund is asked for there")
    if units:
        return Refused("the shop calls off whole orders alone")
    is_unpaid = status is Status.PENDING
    path = "/api/order/cancel" if is_unpaid else "/api/order/refund"
    answer = yield Send(Request(path=path, body={"order_id": number}))
    trouble = _trouble(answer)
    if trouble is not None:
        return trouble
    return Done("cancelled") if is_unpaid else Pending("a refund was asked for")
