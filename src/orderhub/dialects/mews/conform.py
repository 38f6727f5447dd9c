"""What the conformance kit knows of Mews: its envelope, an order's way back, the tokens in its bodies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orderhub.dialects.conforming import (
    STATUSES,
    Client,
    Conformance,
    Envelope,
    Kind,
    Login,
    LoginOption,
    Request,
)
from orderhub.dialects.mews.demo import CLIENT_TOKEN

_TOKENS = ("ClientToken", "AccessToken")
# What is missing is a parameter that is invalid, and a method of no operation is a path of none.
_STATUSES = {**STATUSES, Kind.NO_LOGIN: 400, Kind.METHOD: 404}
_ERROR = {"Message": str, "RequestId": str}


class TokensClient(Client):
    """Tokens of an application and of an enterprise, as members of the body."""

    options = (
        LoginOption("client_token", "the application's ClientToken"),
        LoginOption("access_token", "the enterprise's AccessToken"),
    )

    def identity(self, request: Request) -> Any:
        body = request.body
        if isinstance(body, dict) and "AccessToken" in body:
            return tuple(body.get(name) for name in _TOKENS)
        return super().identity(request)

    def with_own(self, request: Request, sample: Request, login: Login) -> Request:
        """Each token by itself: a sandbox of the hub's knows the demo's application."""
        if not isinstance(request.body, dict):
            return request
        named = {"ClientToken": login["client_token"], "AccessToken": login["access_token"]}
        given = {name: token for name, token in named.items() if token}
        body = {
            name: given[name] if name in given and value == sample.body.get(name) else value
            for name, value in request.body.items()
        }
        return replace(request, body=body)

    def without_login(self, request: Request) -> Request:
        bare = super().without_login(request)
        if not isinstance(bare.body, dict):
            return bare
        body = {name: value for name, value in bare.body.items() if name not in _TOKENS}
        return replace(bare, body=body)

    def with_wrong_login(self, request: Request) -> Request:
        if not (isinstance(request.body, dict) and "AccessToken" in request.body):
            return super().with_wrong_login(request)
        bare = self.without_login(request)
        return replace(bare, body={**dict.fromkeys(_TOKENS, "0" * 32), **bare.body})

    def of_sandbox(self, credential: Mapping[str, str]) -> dict[str, str]:
        return {"client_token": CLIENT_TOKEN, "access_token": credential.get("token", "")}


CONFORMANCE = Conformance(
    errors={
        kind: Envelope(status, _ERROR, optional=frozenset({"Details"}))
        for kind, status in _STATUSES.items()
    },
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
    client=TokensClient(),
    mends=True,
)
