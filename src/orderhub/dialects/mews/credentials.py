"""What Mews' callers show: the access token of an enterprise, and the client token of their application."""

from __future__ import annotations

import msgspec

from orderhub.dialects.auth import curl, drawn
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import CredentialKind, Shown, WireFault, invalid
from orderhub.dialects.mews.access import NAME

_CLIENT = "client"


def _complete(shown: Shown) -> Shown:
    if not (shown.digests.get(_CLIENT) or shown.data.get(_CLIENT)):
        message = (
            "digests.client is the ClientToken of the application, "
            "which its calls show beside the AccessToken"
        )
        raise invalid(WireFault("digests.client", "missing", message))
    return msgspec.structs.replace(shown, token=shown.token or drawn(NAME))


def _command(shown: Shown, base_url: str) -> str:
    client = shown.digests.get(_CLIENT, "")
    if not client:
        return ""
    body = {
        "ClientToken": client,
        "AccessToken": shown.token,
        "Client": "curl",
        "Limitation": {"Count": 10},
    }
    return curl(
        f"{base_url}/api/connector/v1/enterprises/getAll",
        "-H",
        "Content-Type: application/json",
        "-d",
        encode(body).decode(),
    )


KINDS = (
    CredentialKind(
        name=NAME,
        needs=(
            "`digests.client`, the application's ClientToken; `token` to keep an AccessToken; "
            "`tenants` for a portfolio (operators)"
        ),
        drawn="`token`, the AccessToken",
        example={"kind": NAME, "digests": {_CLIENT: "ClientToken"}},
        complete=_complete,
        command=_command,
        digests=(_CLIENT,),
        is_portfolio=True,
    ),
)
