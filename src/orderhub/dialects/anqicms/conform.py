"""What the conformance kit knows of AnQiCMS: its envelope, what visitors may call, its users' tokens and its sites."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from orderhub.dialects.conforming import (
    Client,
    Conformance,
    Envelope,
    Kind,
    Login,
    LoginOption,
    Request,
)

_ERROR = {"code": int, "msg": str}
_STATUSES = {Kind.NOT_FOUND: 404, Kind.METHOD: 405}
_CODES = {Kind.NO_LOGIN: 1001, Kind.WRONG_LOGIN: 1001}


class SiteClient(Client):
    """A user's token in a header of its own; where one server has many sites, the number of the site."""

    options = (
        LoginOption("token", "a user's token"),
        LoginOption("site", "the number of the site"),
    )
    needs_hub_token = True  # a site has no token of its own: the hub's acts as one of its users

    def with_login(self, request: Request, sample: Request, login: Login) -> Request:
        if login["site"]:
            request = replace(request, query={**request.query, "site_id": login["site"]})
        return super().with_login(request, sample, login)

    def headers(self, login: Login) -> Mapping[str, str]:
        return {"Token": login["token"]} if login["token"] else {}

    def of_sandbox(self, credential: Mapping[str, str]) -> dict[str, str]:
        return {"site": credential.get("name", "").partition(":")[2]}


CONFORMANCE = Conformance(
    errors={
        kind: Envelope(_STATUSES.get(kind, 200), _ERROR, {"code": _CODES.get(kind, -1)})
        for kind in Kind
    },
    taken=Envelope(200, {"code": int, "msg": str, "data": dict}, {"code": 0}),
    number="$.data.order_id",
    read_back=Request("GET", "/api/order/detail", {"order_id": "{{number}}"}),
    other=("remark", "another remark"),
    client=SiteClient(),
    open=frozenset(
        {
            "/api/archive/sku",
            "/api/captcha",
            "/api/cart/add",
            "/api/cart/list",
            "/api/cart/remove",
            "/api/cart/update",
            "/api/login",
            "/api/password/reset",
            "/api/register",
            "/api/user/group/detail",
            "/api/user/groups",
            "/api/verify/email",
        }
    ),
    mends=True,
)
