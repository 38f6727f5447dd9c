"""What Sitecore CDP's callers show: a client key and an API token, in one HTTP Basic header."""

from __future__ import annotations

import secrets

import msgspec

from orderhub.dialects.auth import curl, drawn
from orderhub.dialects.contract import CredentialKind, Shown, WireFault, invalid
from orderhub.dialects.sitecore_cdp.access import NAME

_LONGEST_KEY = 200


def _complete(shown: Shown) -> Shown:
    """Both parts. The client key is kept, since orders are unique under it: a rotation draws the other one anew."""
    key, colon, token = shown.token.partition(":")
    if shown.token and not (colon and token and 0 < len(key) <= _LONGEST_KEY):
        message = (
            "token is `client key:API token`, both parts of the Basic login, "
            f"the key of at most {_LONGEST_KEY} characters"
        )
        raise invalid(WireFault("token", "value", message))
    if not shown.token:
        key = shown.data.get("client_key") or f"cdp-{secrets.token_hex(8)}"
        token = drawn("")
    data = {**shown.data, "client_key": key}
    return msgspec.structs.replace(shown, token=f"{key}:{token}", data=data)


def _command(shown: Shown, base_url: str) -> str:
    return curl(f"{base_url}/v2.1/orders?referenceId=1", "-u", shown.token)


KINDS = (
    CredentialKind(
        name=NAME,
        needs="nothing; `token` (`client key:API token`, with the colon) to keep what a client has",
        drawn="`token`, both parts; its client key is shown as `data.client_key`, and stays in a rotation",
        example={"kind": NAME},
        complete=_complete,
        command=_command,
        bound=("client_key",),
    ),
)
