"""Each dialect's README says of every path that its vendor documents whether it is served, refused or not offered.

The table stands between `<!-- paths -->` and `<!-- end -->`, a row for each call:

    | `POST /api/order/create` | served |
    | `POST /api/order/cancel`, `POST /api/order/close` | served: one call at two paths |
    | `POST /api/order/split` | refused: an order is one parcel |
    | `GET /api/retailer/info` | not offered: the hub API has it |

served       a route that does what the vendor's does
refused      a route that answers in the vendor's words why it does not
not offered  no route: whoever calls it is told that there is no such path, or no such method of it
"""

import re
from importlib import import_module
from pathlib import Path

import pytest

from orderhub.dialects.contract import Dialect
from orderhub.dialects.finding import find_dialects
from orderhub.web.routing import Router
from tests.support.calls import Caller

DIALECTS = {dialect.name: dialect for dialect in find_dialects()}
ROUTER = Router(DIALECTS.values())
_TABLE = re.compile(r"<!-- paths -->\n(.*?)<!-- end -->", re.DOTALL)
_CALL = re.compile(r"`([A-Z]+) (/[^`]*)`")
_PARAMETER = re.compile(r"\{\w+\}")
WORDS = ("served", "refused", "not offered")


def readme(name: str) -> str:
    module = import_module(f"orderhub.dialects.{name}")
    assert module.__file__ is not None
    return (Path(module.__file__).parent / "README.md").read_text("utf-8")


def rows(text: str) -> list[tuple[list[tuple[str, str]], str, str]]:
    """(calls, word, why) of each row."""
    table = _TABLE.search(text)
    found = []
    for line in table[1].splitlines()[2:] if table is not None else ():
        paths, said = (cell.strip() for cell in line.strip().strip("|").split("|"))
        word, _, why = said.partition(": ")
        found.append((_CALL.findall(paths), word, why.strip()))
    return found


def wrong(dialect: Dialect, text: str) -> list[str]:
    """What the table says that is not so, and what is so that it does not say."""
    told = []
    seen = set()
    for calls, word, why in rows(text):
        if word not in WORDS or not calls:
            told.append(f"a row says {word!r} of {calls}: say one of {', '.join(WORDS)}")
        if word != "served" and not why:
            told.append(f"{calls} is {word}: say why behind a colon")
        for method, path in calls:
            sent = _PARAMETER.sub("x", path)
            found = ROUTER.find(method, sent)
            here = found.route is not None and found.dialect is not None
            here = here and found.dialect.name == dialect.name
            if here != (word != "not offered"):
                told.append(
                    f"{method} {path} is {word}, and the routes {'have' if here else 'lack'} it"
                )
            if here and found.route is not None:
                seen.add((found.route.method, found.route.path))
    handlers = {route.handler for route in dialect.routes if (route.method, route.path) in seen}
    # Another spelling of a path whose call is in the table need not be.
    told += [
        f"{route.method} {route.path} is a route, and no row has it"
        for route in dialect.routes
        if (route.method, route.path) not in seen and route.handler not in handlers
    ]
    return told


WITH_TABLE = [name for name in DIALECTS if "<!-- paths -->" in readme(name)]


@pytest.mark.parametrize("name", WITH_TABLE)
def test_the_table_of_documented_paths_is_true_of_the_routes(name: str) -> None:
    assert wrong(DIALECTS[name], readme(name)) == []


def test_every_dialect_has_the_table() -> None:
    assert [name for name in DIALECTS if name not in WITH_TABLE] == []


@pytest.mark.parametrize("name", WITH_TABLE)
def test_what_is_not_offered_is_told_so_in_the_vendors_words(hub: Caller, name: str) -> None:
    """A call of it finds no path, and nothing breaks; what a table calls refused is answered by the dialect itself."""
    calls = [
        call for calls, word, _ in rows(readme(name)) if word == "not offered" for call in calls
    ]
    for method, path in calls:
        reply = hub.send(
            method, _PARAMETER.sub("x", path), None, {"content-type": "application/json"}, b"{}"
        )
        assert reply.status < 500, (method, path, reply.body)
        known = {"not_found", "method_not_allowed"}
        assert not reply.headers.get("hub-reason") or reply.headers["hub-reason"] in known, (
            method,
            path,
        )
    assert hub.broken() == {}


def test_the_rule_sees_what_it_should() -> None:
    text = (
        "<!-- paths -->\n| path | here |\n|---|---|\n"
        "| `POST /api/order/create` | served |\n"
        "| `GET /api/orders` | not offered: no |\n"
        "| `POST /api/gone` | served |\n"
        "| `POST /api/away` | not offered |\n"
        "| `POST /api/perhaps` | soon |\n"
        "<!-- end -->\n"
    )
    told = "\n".join(wrong(DIALECTS["anqicms"], text))
    assert "GET /api/orders is not offered, and the routes have it" in told
    assert "POST /api/gone is served, and the routes lack it" in told
    assert "[('POST', '/api/away')] is not offered: say why" in told
    assert "'soon'" in told
    assert "POST /api/login is a route, and no row has it" in told
    assert "POST /api/order/create is a route" not in told
