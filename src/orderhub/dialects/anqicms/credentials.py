"""What AnQiCMS' callers come by: a site, found by its host or number, whose secret signs its users' logins.

One credential suffices for a site: its logins hold wherever it is found.
"""

from __future__ import annotations

import re
import secrets

import msgspec

from orderhub.dialects.anqicms.access import DEFAULT_SITE, SITE_KIND
from orderhub.dialects.auth import curl, drawn
from orderhub.dialects.contract import CredentialKind, Shown, WireFault, invalid

_NUMBER = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NUMBERED = re.compile(rf"site:({_NUMBER.pattern})")
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")
_NUMBERS = 10**15  # so many that two drawn ones do not meet, and exact in JSON


def _complete(shown: Shown) -> Shown:
    name = shown.name or f"site:{_number()}"
    numbered = _NUMBERED.fullmatch(name)
    data = dict(shown.data)
    if numbered is not None:
        number = numbered.group(1)
        if str(data.setdefault("site", number)) != number:
            message = f"data.site: the site named {name} has the number {number}"
            raise invalid(WireFault("data.site", "value", message))
    else:
        name = name.lower().removesuffix(".")
        if not _HOST.fullmatch(name):
            message = "name is default, site:ID, or a host as callers name it, without a port"
            raise invalid(WireFault("name", "value", message))
        number = str(data.setdefault("site", _number()))
        if not _NUMBER.fullmatch(number):
            message = (
                "data.site is the number that logins carry: 1 to 64 of letters, digits, - and _"
            )
            raise invalid(WireFault("data.site", "value", message))
    return msgspec.structs.replace(shown, name=name, secret=shown.secret or drawn(""), data=data)


def _number() -> str:
    return str(secrets.randbelow(9 * _NUMBERS // 10) + _NUMBERS // 10)


def _command(shown: Shown, base_url: str) -> str:
    """The membership levels, which every visitor may see."""
    url = f"{base_url}/api/user/groups"
    numbered = _NUMBERED.fullmatch(shown.name)
    if numbered is not None:
        return curl(f"{url}?site_id={numbered.group(1)}")
    return curl(url) if shown.name == DEFAULT_SITE else curl(url, "-H", f"Host: {shown.name}")


KINDS = (
    CredentialKind(
        name=SITE_KIND,
        needs=(
            "nothing; `name` (a host, `site:ID` or `default`) to say where it is found, "
            "`data.site` for the number in its logins; one is enough, and users are the shop's"
        ),
        drawn="`name` (`site:ID`, found by `?site_id=ID`), `secret`, `data.site`",
        example={"kind": SITE_KIND},
        complete=_complete,
        command=_command,
        is_named=True,
    ),
)
