"""What each vendor's documents promise beyond single answers: how it words errors, and where an order is read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from orderhub.conform.cases import Request
from orderhub.dialects.json_paths import filled


class Kind(StrEnum):
    """What is wrong with a call before anything is decided."""

    NO_LOGIN = "no_login"
    WRONG_LOGIN = "wrong_login"
    MALFORMED = "malformed"
    NOT_FOUND = "not_found"
    METHOD = "method"
    TOO_LARGE = "too_large"
    KEY_INVALID = "key_invalid"
    KEY_REUSED = "key_reused"


@dataclass(frozen=True, slots=True)
class Envelope:
    """The shape of an answer: a status, the members of the body, and those of them whose value is known.

    optional   members that may be there besides; None = any
    """

    status: int
    members: Mapping[str, type]
    values: Mapping[str, Any] = field(default_factory=dict)
    optional: frozenset[str] | None = frozenset()

    def wrong(self, status: int, body: Any) -> list[str]:
        wrong = []
        if status != self.status:
            wrong.append(f"status: expected {self.status}, got {status}")
        if not isinstance(body, dict):
            return [*wrong, f"body: expected an object with {', '.join(self.members)}"]
        for name, kind in self.members.items():
            if name not in body:
                wrong.append(f"$.{name}: missing")
            elif not isinstance(body[name], kind) or isinstance(body[name], bool):
                wrong.append(f"$.{name}: expected {kind.__name__}, got {body[name]!r}")
        for name, value in self.values.items():
            if name in body and body[name] != value:
                wrong.append(f"$.{name}: expected {value!r}, got {body[name]!r}")
        if self.optional is None:
            return wrong
        more = [name for name in body if name not in self.members and name not in self.optional]
        return wrong + [f"$.{name}: not expected" for name in more]


@dataclass(frozen=True, slots=True)
class Door:
    """One vendor.

    errors     how it words each kind of error
    taken      what it answers to an order that it takes
    open       paths that anybody may call
    number     path in the answer of a create: what the order is called by
    read_back  the request that shows it: `{{number}}` is its name, `{{order.x}}` a member of the create
    other      a member of the create's body whose value is free, and another value for it
    unique     a member that must differ between two orders; empty = none
    no_put     methods other than the documented ones are refused at every path
    """

    errors: Mapping[Kind, Envelope]
    taken: Envelope
    number: str
    read_back: Request
    other: tuple[str, Any]
    open: frozenset[str] = frozenset()
    unique: str = ""
    no_put: bool = True

    def create(self, sample: Request, mark: str) -> Request:
        """The sample of a create as an order that nobody made before."""
        if not self.unique or not isinstance(sample.body, dict):
            return sample
        return replace(sample, body={**sample.body, self.unique: mark})

    def read(self, order: Request) -> Request:
        """What shows an order after it was created."""
        headers = {**order.headers, **self.read_back.headers}
        members = order.body if isinstance(order.body, dict) else {}
        ordered = {f"order.{name}": each for name, each in members.items()}
        body = filled(self.read_back.body, ordered)
        return replace(self.read_back, headers=headers, sign=order.sign, body=body)

    def changed(self, request: Request) -> Request:
        """The same create with other content."""
        name, value = self.other
        return replace(request, body={**request.body, name: value})


def _mews() -> Mapping[Kind, Envelope]:
    def said(status: int) -> Envelope:
        members = {"Message": str, "RequestId": str}
        return Envelope(status, members, optional=frozenset({"Details"}))

    return {
        Kind.NO_LOGIN: said(400),
        Kind.WRONG_LOGIN: said(401),
        Kind.MALFORMED: said(400),
        Kind.NOT_FOUND: said(404),
        Kind.METHOD: said(404),
        Kind.TOO_LARGE: said(413),
        Kind.KEY_INVALID: said(400),
        Kind.KEY_REUSED: said(422),
    }


_STATUSES = {
    Kind.NO_LOGIN: 401,
    Kind.WRONG_LOGIN: 401,
    Kind.MALFORMED: 400,
    Kind.NOT_FOUND: 404,
    Kind.METHOD: 405,
    Kind.TOO_LARGE: 413,
    Kind.KEY_INVALID: 400,
    Kind.KEY_REUSED: 422,
}


def _kakaclo() -> Mapping[Kind, Envelope]:
    members = {"code": int, "message": str}
    return {kind: Envelope(s, members, {"code": s}) for kind, s in _STATUSES.items()}


def _sitecore() -> Mapping[Kind, Envelope]:
    members: dict[str, type] = {"status": object, "code": int, "message": str, "moreInfoUrl": str}
    more = frozenset({"developerMessage"})
    return {
        kind: Envelope(
            status,
            members,
            {"status": "UNAUTHORIZED" if status == 401 else status, "code": status},
            more,
        )
        for kind, status in _STATUSES.items()
    }


def _tours() -> Mapping[Kind, Envelope]:
    members = {"code": int, "msg": str, "data": dict}
    codes = {Kind.NO_LOGIN: 10001, Kind.WRONG_LOGIN: 10001, Kind.NOT_FOUND: 10005}
    return {
        kind: Envelope(200, members, {"code": codes.get(kind, 20007), "data": {}}) for kind in Kind
    }


def _anqicms() -> Mapping[Kind, Envelope]:
    members = {"code": int, "msg": str}
    statuses = {Kind.NOT_FOUND: 404, Kind.METHOD: 405}
    codes = {Kind.NO_LOGIN: 1001, Kind.WRONG_LOGIN: 1001}
    return {
        kind: Envelope(statuses.get(kind, 200), members, {"code": codes.get(kind, -1)})
        for kind in Kind
    }


DOORS: dict[str, Door] = {
    "anqicms": Door(
        errors=_anqicms(),
        taken=Envelope(200, {"code": int, "msg": str, "data": dict}, {"code": 0}),
        number="$.data.order_id",
        read_back=Request("GET", "/api/order/detail", {"order_id": "{{number}}"}),
        other=("remark", "another remark"),
        open=frozenset(
            {
                "/api/archive/sku",
                "/api/captcha",
                "/api/cart/add",
                "/api/cart/list",
                "/api/cart/remove",
                "/api/cart/update",
                "/api/login",
                "/api/order/detail",
                "/api/register",
                "/api/user/group/detail",
                "/api/user/groups",
            }
        ),
    ),
    "kakaclo": Door(
        errors=_kakaclo(),
        taken=Envelope(200, {"code": int, "message": str, "data": int}, {"code": 10000}),
        number="$.data",
        read_back=Request("GET", "/openapi/v1/order/order", {"ids": "{{number}}"}),
        other=("remark", "another remark"),
    ),
    "mews": Door(
        errors=_mews(),
        taken=Envelope(200, {"OrderId": str}),
        number="$.OrderId",
        read_back=Request(
            "POST",
            "/api/connector/v1/productServiceOrders/getAll",
            body={
                "ClientToken": "{{order.ClientToken}}",
                "AccessToken": "{{order.AccessToken}}",
                "Client": "{{order.Client}}",
                "ServiceIds": ["{{order.ServiceId}}"],
                "ProductServiceOrderIds": ["{{number}}"],
                "Limitation": {"Count": 10},
            },
        ),
        other=("Client", "Another Client 1.0.0"),
    ),
    "sitecore_cdp": Door(
        errors=_sitecore(),
        taken=Envelope(201, {"ref": str, "href": str}, optional=None),
        number="$.ref",
        read_back=Request("GET", "/v2.1/orders/{{number}}"),
        other=("price", 51),
        unique="referenceId",
        no_put=False,
    ),
    "tours4fun": Door(
        errors=_tours(),
        taken=Envelope(200, {"code": int, "msg": str, "data": dict}, {"code": 0}),
        number="$.data.order_id",
        read_back=Request("POST", "/v2/order/detail", body={"order_id": "{{=number}}"}),
        other=("departure_address", "another address"),
    ),
}
