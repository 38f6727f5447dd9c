"""Who calls: a token of the hub's, or the one that a stall was given."""

from __future__ import annotations

import msgspec

from orderhub.dialects.auth import curl, drawn, header_text, token_caller
from orderhub.dialects.contract import (
    Call,
    Caller,
    CredentialKind,
    Fault,
    FaultKind,
    HTTPFault,
    Shown,
)

NAME = "bazaar"


async def caller_of(call: Call) -> Caller:
    """The caller, also set on the call. Raises HTTPFault for nobody we know."""
    caller = await token_caller(call, NAME)
    if caller is None:
        raise HTTPFault(Fault(FaultKind.UNAUTHENTICATED))
    return caller


def _complete(shown: Shown) -> Shown:
    token = header_text("token", shown.token) if shown.token else drawn(NAME)
    return msgspec.structs.replace(shown, token=token)


def _command(shown: Shown, base_url: str) -> str:
    return curl(f"{base_url}/bazaar/sales/0", "-H", f"Authorization: Bearer {shown.token}")


KINDS = (
    CredentialKind(
        name=NAME,
        needs="nothing; `token` to keep one that a stall has",
        drawn="the token",
        example={"kind": NAME},
        complete=_complete,
        command=_command,
    ),
)
