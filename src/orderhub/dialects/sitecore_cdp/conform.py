"""What the conformance kit knows of Sitecore CDP: its envelope, an order's way back, its HTTP Basic login."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from orderhub.dialects.conforming import (
    STATUSES,
    Client,
    Conformance,
    Envelope,
    Login,
    LoginOption,
    Request,
    basic,
)

_TELLING = 6  # a shorter name may stand in an answer by chance
_ERROR = {"status": object, "code": int, "message": str, "moreInfoUrl": str}


class BasicClient(Client):
    """Client key and API token, as user and password."""

    options = (
        LoginOption("client_key", "the client key", goes_with="api_token"),
        LoginOption("api_token", "the API token"),
    )

    def headers(self, login: Login) -> Mapping[str, str]:
        if not login["client_key"]:
            return {}
        return {"Authorization": basic(f"{login['client_key']}:{login['api_token']}")}

    def with_wrong_login(self, request: Request) -> Request:
        if not request.headers.get("Authorization", "").startswith("Basic "):
            return super().with_wrong_login(request)
        return self.without_login(request).with_headers(Authorization=basic("nobody:nothing"))

    def of_sandbox(self, credential: Mapping[str, str]) -> dict[str, str]:
        key, _, token = credential.get("token", "").partition(":")
        return {"client_key": key, "api_token": token}

    def renamed(self, sample: Request, login: Login) -> Mapping[bytes, bytes]:
        """Answers name the client key, under which orders are unique."""
        scheme, _, value = sample.headers.get("Authorization", "").partition(" ")
        if scheme != "Basic" or len(login["client_key"]) < _TELLING:
            return {}
        return {login["client_key"].encode(): base64.b64decode(value).partition(b":")[0]}


CONFORMANCE = Conformance(
    errors={
        kind: Envelope(
            status,
            _ERROR,
            {"status": "UNAUTHORIZED" if status == 401 else status, "code": status},
            frozenset({"developerMessage"}),
        )
        for kind, status in STATUSES.items()
    },
    taken=Envelope(201, {"ref": str, "href": str}, optional=None),
    number="$.ref",
    read_back=Request("GET", "/v2.1/orders/{{number}}"),
    other=("price", 51),
    client=BasicClient(),
    unique="referenceId",
    no_put=False,
)
