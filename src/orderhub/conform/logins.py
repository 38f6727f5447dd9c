"""How each vendor's client says who it is: real credentials put in the place of the demo's, and taken away."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from orderhub.conform.cases import Request

_MEWS_TOKENS = ("ClientToken", "AccessToken")
_TELLING = 6  # a shorter name may stand in an answer by chance


@dataclass(frozen=True, slots=True)
class Login:
    """What the server under test knows its caller by; empty = as the golden pairs have it (the hub's demo).

    token         KakaClo's bearer token; AnQiCMS: a shop user's token
    client_token, access_token   Mews
    appkey, secret   Tours4Fun
    client_key, api_token   Sitecore CDP
    site          AnQiCMS: the number of the site, where one server has many
    hub_token     one of the hub's own, which every dialect of a hub takes in place of the vendor's
    """

    token: str = ""
    client_token: str = ""
    access_token: str = ""
    appkey: str = ""
    secret: str = ""
    client_key: str = ""
    api_token: str = ""
    site: str = ""
    hub_token: str = ""


def with_login(dialect: str, request: Request, sample: Request, login: Login) -> Request:
    """The request with the caller's own credentials wherever it has those of `sample`, the demo's."""
    if login.site:
        request = replace(request, query={**request.query, "site_id": login.site})
    if login.hub_token and _shows_the_same(request, sample):
        return with_headers(without_login(request), Authorization=f"Bearer {login.hub_token}")
    if dialect == "tours4fun":
        return _resigned(request, sample, login)
    if dialect == "mews":
        return _with_tokens(request, sample, login)
    ours = sample.headers.get("Authorization")
    given = _authorization(dialect, login)
    if not given or request.headers.get("Authorization") != ours:
        return request
    return with_headers(without_login(request), **given)


def _authorization(dialect: str, login: Login) -> dict[str, str]:
    if dialect == "anqicms":
        return {"Token": login.token} if login.token else {}
    if dialect == "sitecore_cdp":
        both = f"{login.client_key}:{login.api_token}"
        return {"Authorization": f"Basic {_base64(both)}"} if login.client_key else {}
    return {"Authorization": f"Bearer {login.token}"} if login.token else {}


def _shows_the_same(request: Request, sample: Request) -> bool:
    if sample.sign is not None:
        return request.sign is not None
    if isinstance(sample.body, dict) and _MEWS_TOKENS[1] in sample.body:
        return _tokens(request.body) == _tokens(sample.body)
    return request.headers.get("Authorization") == sample.headers.get("Authorization")


def _tokens(body: Any) -> tuple[Any, ...]:
    return tuple(body.get(name) for name in _MEWS_TOKENS) if isinstance(body, dict) else ()


def _resigned(request: Request, sample: Request, login: Login) -> Request:
    if request.sign is None:
        return request
    request = replace(request, headers=_unauthorized(request.headers))
    if not login.appkey or request.sign is None or request.sign != sample.sign:
        return request
    return replace(request, sign={**request.sign, "appkey": login.appkey, "secret": login.secret})


def _with_tokens(request: Request, sample: Request, login: Login) -> Request:
    if not isinstance(request.body, dict):
        return request
    # The client token names the application: a sandbox of the hub's knows the demo's.
    named = {"AccessToken": login.access_token, "ClientToken": login.client_token}
    given = {name: token for name, token in named.items() if token}
    body = {
        name: given[name] if name in given and value == sample.body.get(name) else value
        for name, value in request.body.items()
    }
    return replace(request, body=body)


def of_sandbox(dialect: str, made: Mapping[str, Any]) -> Login:
    """The login that the hub gave out with a sandbox."""
    if not made["credentials"]:
        return Login(hub_token=made["hub_token"])
    given = made["credentials"][0]
    token, name, secret = (given.get(each, "") for each in ("token", "name", "secret"))
    match dialect:
        case "anqicms":
            return Login(hub_token=made["hub_token"], site=name.partition(":")[2])
        case "mews":
            return Login(access_token=token)
        case "tours4fun":
            return Login(appkey=name, secret=secret)
        case "sitecore_cdp":
            key, _, rest = token.partition(":")
            return Login(client_key=key, api_token=rest)
    return Login(token=token)


def without_login(request: Request) -> Request:
    """The request as nobody would send it: no header, no token, no signature."""
    body = request.body
    if isinstance(body, dict):
        body = {name: value for name, value in body.items() if name not in _MEWS_TOKENS}
    return replace(request, headers=_unauthorized(request.headers), body=body, sign=None)


def _unauthorized(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in headers.items()
        if name.lower() not in ("authorization", "token", "cookie")
    }


def renamed(sample: Request | None, login: Login) -> list[tuple[bytes, bytes]]:
    """Public names of the caller that answers may repeat, each with the one that golden pairs have."""
    if sample is None or len(login.client_key) < _TELLING:
        return []
    scheme, _, value = sample.headers.get("Authorization", "").partition(" ")
    if scheme != "Basic":
        return []
    return [(login.client_key.encode(), base64.b64decode(value).partition(b":")[0])]


def with_wrong_login(request: Request) -> Request:
    """The request with credentials that were never given out."""
    bare = without_login(request)
    if request.sign is not None:
        return replace(bare, sign={**request.sign, "secret": "no such secret"})
    if isinstance(request.body, dict) and _MEWS_TOKENS[1] in request.body:
        wrong = dict.fromkeys(_MEWS_TOKENS, "0" * 32)
        return replace(bare, body={**wrong, **(bare.body or {})})
    scheme = request.headers.get("Authorization", "Bearer ").partition(" ")[0]
    value = _base64("nobody:nothing") if scheme == "Basic" else "nobody"
    return with_headers(bare, Authorization=f"{scheme} {value}")


def with_headers(request: Request, **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return replace(request, headers={**request.headers, **named})


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def signature(sign: Mapping[str, str], body: bytes, at_s: int | None = None) -> dict[str, str]:
    """The query members that sign a body as its vendor's document says."""
    if sign["scheme"] != "tours4fun":
        raise ValueError(f"no such way to sign: {sign['scheme']}")
    t = str(int(time.time()) if at_s is None else at_s)
    text = f"{sign['appkey']}{t}{sign['secret']}".encode() + body
    digest = hashlib.md5(text, usedforsecurity=False).hexdigest()
    return {"appkey": sign["appkey"], "t": t, "sign": digest}
