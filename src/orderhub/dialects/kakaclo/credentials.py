"""What KakaClo's callers show: a bearer token."""

from __future__ import annotations

import msgspec

from orderhub.dialects.auth import curl, drawn, header_text
from orderhub.dialects.contract import CredentialKind, Shown
from orderhub.dialects.kakaclo.mapping import NAME


def _complete(shown: Shown) -> Shown:
    token = header_text("token", shown.token) if shown.token else drawn(NAME)
    return msgspec.structs.replace(shown, token=token)


def _command(shown: Shown, base_url: str) -> str:
    url = f"{base_url}/openapi/v1/order/order"
    return curl(url, "-H", f"Authorization: Bearer {shown.token}")


KINDS = (
    CredentialKind(
        name=NAME,
        needs="nothing; `token` to keep one that a client has",
        drawn="the token",
        example={"kind": NAME},
        complete=_complete,
        command=_command,
    ),
)
