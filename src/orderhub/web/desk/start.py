"""Where somebody begins who knows no more than the hub's address: a page for browsers, a JSON index for others."""

from __future__ import annotations

import msgspec

from orderhub import __version__
from orderhub.dialects.auth import curl
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call
from orderhub.web.desk.forms import Form
from orderhub.web.desk.orders import titles_of
from orderhub.web.desk.page import open_page, show_open

_VARY = ("Vary", "Accept")


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """What is where, as links. `apis`: the OpenAPI document of each."""

    name: str
    version: str
    desk: str
    docs: str
    health: str
    metrics: str
    apis: dict[str, str]


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """`doors` as (name, title); commands to begin with."""

    doors: tuple[tuple[str, str], ...]
    first_user: str
    first_token: str
    first_call: str


async def start(call: Call, _sent: Form) -> Answer:
    titles = titles_of(call)
    if "text/html" not in call.header("accept").lower():
        base = call.base_url
        index = Index(
            name="OrderHub",
            version=__version__,
            desk=f"{base}/desk",
            docs=f"{base}/docs",
            health=f"{base}/health",
            metrics=f"{base}/metrics",
            apis={name: f"{base}/docs/{name}.json" for name in ("hub", *titles)},
        )
        return Answer(200, encode(index), (_VARY,))
    shown = Start(
        doors=tuple(titles.items()),
        first_user="orderhub user add acme ana@example.org --role owner",
        first_token="orderhub token create acme --scope orders:read",  # noqa: S106 - a command
        first_call=curl(f"{call.base_url}/hub/v1/orders", "-H", "Authorization: Bearer TOKEN"),
    )
    answer = show_open(call, "start.html", shown)
    return msgspec.structs.replace(answer, headers=(*answer.headers, _VARY))


ROUTES = (open_page("/", start),)
