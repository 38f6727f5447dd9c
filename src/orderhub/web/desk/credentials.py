"""What callers show, with its last use: tokens of the hub, credentials of vendors' doors; made, turned, revoked."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec

from orderhub.core.people import SCOPES_OF, Role
from orderhub.core.reach import HUB_KIND
from orderhub.dialects.contract import Answer, Call
from orderhub.settings import DAY_S
from orderhub.web.desk.forms import Form, json_object, stamp
from orderhub.web.desk.inner import ask, file, tell, wanted
from orderhub.web.desk.language import N_
from orderhub.web.desk.orders import Pages
from orderhub.web.desk.page import Visitor, form, go, page, show
from orderhub.web.hub_api import credentials
from orderhub.web.hub_api.credential_kinds import kinds_of
from orderhub.web.hub_api.credentials import CredentialShown, CredentialShownOnce
from orderhub.web.hub_api.inner import port
from orderhub.web.hub_api.shaping import Page

PATH, SCOPE = "/desk/credentials", "credentials"
_PAGE = "100"
_CURSOR = re.compile(r"[\w.:-]{1,200}", re.ASCII)

Text = Annotated[str, msgspec.Meta(max_length=200)]
Long = Annotated[str, msgspec.Meta(max_length=20_000)]
Days = Annotated[int, msgspec.Meta(ge=1, le=36_500)]


class _New(msgspec.Struct, frozen=True, kw_only=True):
    """No days = it never ends; `more`: further members of the API's body, as JSON."""

    kind: Text
    label: Text = ""
    scopes: tuple[str, ...] = ()
    days: Days | None = None
    more: Long = ""


class _Change(msgspec.Struct, frozen=True, kw_only=True):
    label: Text = ""
    enabled: bool = False


class Kind(msgspec.Struct, frozen=True):
    """`needs` in the words of the API's guide."""

    name: str
    needs: str


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """`scopes` are those that the visitor may give."""

    rows: tuple[CredentialShown, ...]
    pages: Pages
    kinds: tuple[Kind, ...]
    choices: tuple[tuple[str, str], ...]
    scopes: tuple[str, ...]


class OneCredential(msgspec.Struct, frozen=True, kw_only=True):
    """`data` as JSON; `version` of what the form shows."""

    credential: CredentialShown
    version: str
    path: str
    data: str


class Once(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown once; empty = there is none."""

    path: str
    name: str
    token: str
    secret: str
    command: str


async def every(call: Call, visitor: Visitor, sent: Form) -> Answer:
    if media := wanted(call):
        return await file(call, visitor, credentials.list_credentials, media, path=_of(visitor))
    cursor = call.query.get("after", "")
    cursor = cursor if _CURSOR.fullmatch(cursor) else ""
    found = await ask(
        call,
        visitor,
        credentials.list_credentials,
        Page[CredentialShown],
        path=_of(visitor),
        query={"limit": _PAGE, "cursor": cursor},
    )
    kinds = kinds_of(port(call).dialects).values()
    older = f"{PATH}?{urlencode({'after': found.next_cursor})}" if found.next_cursor else ""
    context = Credentials(
        rows=found.items,
        pages=Pages(newest=PATH if cursor else "", older=older),
        kinds=tuple(Kind(each.name, each.needs) for each in kinds),
        choices=tuple((each.name, each.name) for each in kinds),
        scopes=tuple(each for each in SCOPES_OF[Role.OWNER] if visitor.may(each)),
    )
    return show(call, visitor, "credentials.html", context, sent)


async def make(call: Call, visitor: Visitor, sent: Form) -> Answer:
    given = sent.read(_New)
    body = {**_more(given.more), "kind": given.kind, "label": given.label}
    if given.kind == HUB_KIND:
        body["scopes"] = given.scopes
    if given.days is not None:
        body["expires_in_s"] = given.days * DAY_S
    operation = credentials.create_credential
    made = await ask(call, visitor, operation, CredentialShownOnce, path=_of(visitor), body=body)
    return _once(call, visitor, made)


async def one(call: Call, visitor: Visitor, sent: Form) -> Answer:
    found = await _found(call, visitor)
    data = msgspec.json.format(msgspec.json.encode(found.data)).decode() if found.data else ""
    shown = OneCredential(
        credential=found, version=_version(found), path=f"{PATH}/{found.id}", data=data
    )
    return show(call, visitor, "credential.html", shown, sent)


async def change(call: Call, visitor: Visitor, sent: Form) -> Answer:
    """What was not touched is not written, so that nothing is undone that somebody else does meanwhile."""
    given, found = sent.read(_Change), await _found(call, visitor)
    sent.refuse_unless_of(_version(found))
    body: dict[str, Any] = {}
    if given.label != (found.label or ""):
        body["label"] = given.label
    if given.enabled is not found.enabled:
        body["enabled"] = given.enabled
    name = _named(call, visitor)
    await tell(call, visitor, credentials.change_credential, path=name, body=body)
    return go(call, f"{PATH}/{name['id']}", done=visitor.say(N_("Saved.")))


async def rotate(call: Call, visitor: Visitor, _sent: Form) -> Answer:
    operation, name = credentials.rotate_credential, _named(call, visitor)
    turned = await ask(call, visitor, operation, CredentialShownOnce, path=name, body={})
    return _once(call, visitor, turned)


async def revoke(call: Call, visitor: Visitor, _sent: Form) -> Answer:
    await tell(call, visitor, credentials.revoke_credential, path=_named(call, visitor))
    return go(call, PATH, done=visitor.say(N_("It opens nothing from now on.")))


async def _found(call: Call, visitor: Visitor) -> CredentialShown:
    operation = credentials.get_credential
    return await ask(call, visitor, operation, CredentialShown, path=_named(call, visitor))


def _version(credential: CredentialShown) -> str:
    return stamp(credential.label, credential.enabled)


def _of(visitor: Visitor) -> dict[str, str]:
    return {"tenant": visitor.at.name}


def _named(call: Call, visitor: Visitor) -> dict[str, str]:
    return {"tenant": visitor.at.name, "id": call.params["uid"]}


def _more(text: str) -> dict[str, Any]:
    return json_object("more", text) if text else {}


def _once(call: Call, visitor: Visitor, made: CredentialShownOnce) -> Answer:
    token, secret, command = (
        "" if isinstance(each, msgspec.UnsetType) else each
        for each in (made.token, made.secret, made.try_)
    )
    shown = Once(
        path=f"{PATH}/{made.id}",
        name=made.label or made.name or made.id,
        token=token,
        secret=secret,
        command=command,
    )
    return show(call, visitor, "credential_once.html", shown)


ROUTES = (
    page(PATH, SCOPE, every),
    form(PATH, SCOPE, make, every),
    page(f"{PATH}/{{uid}}", SCOPE, one),
    form(f"{PATH}/{{uid}}", SCOPE, change, one),
    form(f"{PATH}/{{uid}}/rotate", SCOPE, rotate, one),
    form(f"{PATH}/{{uid}}/revoke", SCOPE, revoke, one),
)
