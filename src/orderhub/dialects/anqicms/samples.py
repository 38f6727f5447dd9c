"""The door of a new merchant: a site of the shop's and a first user, who buys."""

from __future__ import annotations

import secrets
from uuid import uuid4

from orderhub.core.commands import RecordChange
from orderhub.core.commissions import Shop
from orderhub.core.memberships import User, UserGroup
from orderhub.dialects import passwords
from orderhub.dialects.anqicms.credentials import KINDS
from orderhub.dialects.anqicms.people import LOGIN_KIND
from orderhub.dialects.auth import curl
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Shown
from orderhub.dialects.samples import Door, Setup, record

_USER = 1
_JSON = ("-H", "Content-Type: application/json")


def door(setup: Setup) -> Door:
    (kind,) = KINDS
    site = str(secrets.randbelow(9_000) + 1_000)
    shown = kind.complete(Shown(name=f"site:{site}"))
    password = secrets.token_urlsafe(9)
    title, command = "list the membership levels", kind.command(shown, setup.base_url)
    if setup.goods:
        title = f"one {setup.goods[0].title}, bought by the shop's user `first`"
        command = _bought(setup, site, password)
    records = (
        record("shop", 1, Shop()),
        record("user_group", 1, UserGroup(id=1, title="Customer")),
    )
    return Door(
        kind=kind,
        shown=shown,
        title=title,
        command=command,
        records=(*records, *(_user(setup, password) if setup.goods else ())),
        sequences={"user": _USER + 1, LOGIN_KIND: _USER + 1} if setup.goods else {},
    )


def _user(setup: Setup, password: str) -> tuple[RecordChange, RecordChange]:
    uid = str(uuid4())
    user = User(
        id=_USER,
        user_name="first",
        email="first@example.com",
        group_id=1,
        created_at=setup.now_us,
    )
    login = {"hash": passwords.hashed(password)}
    return (
        RecordChange(kind="user", id=_USER, uid=uid, doc=user, keys=user.names),
        RecordChange(kind=LOGIN_KIND, id=_USER, uid=uid, doc=login),
    )


def _bought(setup: Setup, site: str, password: str) -> str:
    """The user's token is that of a login."""
    login = {"user_name": "first", "password": password}
    order = {"goods_id": setup.goods[0].id, "quantity": 1}
    token = curl(f"{setup.base_url}/api/login?site_id={site}", *_JSON, "-d", encode(login).decode())
    create = curl(
        f"{setup.base_url}/api/order/create?site_id={site}", *_JSON, "-d", encode(order).decode()
    )
    return f"""{create} -H "Token: $({token} | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')\""""
