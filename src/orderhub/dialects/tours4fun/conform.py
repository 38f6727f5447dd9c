"""What the conformance kit knows of Tours4Fun: its codes, an order's way back, its signed queries."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orderhub.dialects.conforming import (
    Client,
    Conformance,
    Envelope,
    Kind,
    Login,
    LoginOption,
    Request,
    without_credentials,
)

_SCHEME = "tours4fun"
_ANSWER = {"code": int, "msg": str, "data": dict}
_CODES = {Kind.NO_LOGIN: 10001, Kind.WRONG_LOGIN: 10001, Kind.NOT_FOUND: 10005}


class SigningClient(Client):
    """The key of an app in the query, and a signature made with its secret."""

    options = (
        LoginOption("appkey", "the key of an app", goes_with="secret"),
        LoginOption("secret", "its secret"),
    )

    def identity(self, request: Request) -> Any:
        return request.sign is not None

    def with_own(self, request: Request, sample: Request, login: Login) -> Request:
        if request.sign is None:
            return request
        request = replace(request, headers=without_credentials(request.headers))
        if not login["appkey"] or request.sign != sample.sign:
            return request
        own = {"appkey": login["appkey"], "secret": login["secret"]}
        return replace(request, sign={**(request.sign or {}), **own})

    def with_wrong_login(self, request: Request) -> Request:
        if request.sign is None:
            return super().with_wrong_login(request)
        wrong = {**request.sign, "secret": "no such secret"}
        return replace(self.without_login(request), sign=wrong)

    def of_sandbox(self, credential: Mapping[str, str]) -> dict[str, str]:
        return {"appkey": credential.get("name", ""), "secret": credential.get("secret", "")}

    def signature(self, sign: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        return signature(sign, body, int(time.time()))


def signature(sign: Mapping[str, str], body: bytes, at_s: int) -> dict[str, str]:
    """The query members that sign a body at a second since 1970, as the document says.

    Raises ValueError for another scheme than the vendor's.
    """
    if sign["scheme"] != _SCHEME:
        raise ValueError(f"no such way to sign: {sign['scheme']}")
    text = f"{sign['appkey']}{at_s}{sign['secret']}".encode() + body
    digest = hashlib.md5(text, usedforsecurity=False).hexdigest()
    return {"appkey": sign["appkey"], "t": str(at_s), "sign": digest}


CONFORMANCE = Conformance(
    errors={
        kind: Envelope(200, _ANSWER, {"code": _CODES.get(kind, 20007), "data": {}}) for kind in Kind
    },
    taken=Envelope(200, _ANSWER, {"code": 0}),
    number="$.data.order_id",
    read_back=Request("POST", "/v2/order/detail", body={"order_id": "{{=number}}"}),
    other=("departure_address", "another address"),
    client=SigningClient(),
)
