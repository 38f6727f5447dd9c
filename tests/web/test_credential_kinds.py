"""A credential that can be made works: each kind with the least that is said, by the command its answer shows."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from orderhub.dialects.finding import find_dialects
from orderhub.web.hub_api.access import SCOPES
from orderhub.web.hub_api.credential_kinds import kinds_of
from tests.support import http
from tests.support.calls import Caller, calling
from tests.support.hub import SECRET_KEY, operator_headers

ROOT = Path(__file__).resolve().parents[2]
KINDS = kinds_of(find_dialects())
ACME = "/hub/v1/tenants/acme/credentials"
# What says that a call was let in, by the kind that was shown.
LET_IN: dict[str, Any] = {
    "hub": lambda body: "errors" not in body and body.get("status") is None,
    "anqicms.site": lambda body: body["data"] == [],  # the default site has groups, acme has none
    "kakaclo": lambda body: body["code"] == 10000,
    "mews": lambda body: "Enterprises" in body,
    "sitecore_cdp": lambda body: body["items"] == [],
    "tours4fun": lambda body: body["data"]["order_list"] == [],
}
# What an operator may choose besides the least.
CHOSEN: list[dict[str, Any]] = [
    {"kind": "anqicms.site", "name": "shop.example"},
    {"kind": "anqicms.site", "name": "Shop.Example.", "data": {"site": 7}},
    {"kind": "anqicms.site", "name": "site:42"},
    {"kind": "kakaclo", "token": "it's the one they have"},
    {"kind": "mews", "token": 'A "quoted" $TOKEN', "digests": {"client": "it's `theirs`"}},
    {"kind": "mews", "digests": {"client": "portfolio"}, "tenants": ["acme", "hotel"]},
    {"kind": "sitecore_cdp", "token": "key one:a:b $c"},
    {"kind": "tours4fun", "name": "app & key", "secret": 'it\'s a "secret" $x'},
    *(
        {"kind": "hub", "scopes": [scope]}
        for scope in SCOPES
        if scope not in ("orders:write", "faults")
    ),
]


@pytest.fixture(scope="module")
def served(demo_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """`orderhub serve` on the demo's ledger, and the tenant `acme`, of whom nothing is known."""
    copy = tmp_path_factory.mktemp("served") / "hub.sqlite"
    copy.write_bytes(demo_file.read_bytes())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "ORDERHUB_DATABASE": f"sqlite:///{copy}",
        "ORDERHUB_SECRET_KEY": SECRET_KEY,
        "ORDERHUB_PORT": str(port),
    }
    program = Path(sys.executable).with_name("orderhub")
    with (copy.parent / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "serve"], env={**os.environ, **settings}, stdout=log, stderr=log
        )
    try:
        with http.Client(base_url=f"http://127.0.0.1:{port}", headers=operator_headers()) as client:
            _wait_for(client, process)
            assert client.post("/hub/v1/tenants", json={"name": "acme"}).status_code == 201
            yield client
    finally:
        process.terminate()
        process.wait()


def _wait_for(client: httpx.Client, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        with suppress(httpx.HTTPError):
            if client.get("/health/ready").status_code == 200:
                return
        assert process.poll() is None, "it ended"
        time.sleep(0.05)
    raise AssertionError("it is not ready")


def pasted(command: str) -> Any:
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=True, timeout=30)
    return json.loads(done.stdout)


def is_let_in(shown: dict[str, Any]) -> bool:
    """Whether the command that an answer shows does what it is for."""
    body = pasted(shown["try"])
    if shown["scopes"] == ["dialects"]:  # the first call of the first door
        return bool(body["code"] == 0)
    try:
        return bool(LET_IN[shown["kind"]](body))
    except (KeyError, TypeError):
        return False


@pytest.mark.parametrize(
    "body", [*(dict(kind.example) for kind in KINDS.values()), *CHOSEN], ids=str
)
def test_what_the_answer_shows_works_when_it_is_pasted(
    served: httpx.Client, body: dict[str, Any]
) -> None:
    made = served.post(ACME, json=body)
    assert made.status_code == 201, made.text
    shown = made.json()
    assert is_let_in(shown), shown["try"]
    one = f"{ACME}/{shown['id']}"
    assert "try" not in served.get(one).json()
    served.delete(one)
    assert not is_let_in(shown), "it would work with any credential"


@pytest.mark.parametrize(
    "kind", [k for k in KINDS.values() if not k.is_named], ids=lambda k: k.name
)
def test_a_token_that_was_renewed_works(served: httpx.Client, kind: Any) -> None:
    made = served.post(ACME, json=dict(kind.example)).json()
    renewal = {"digests": kind.example["digests"]} if "digests" in kind.example else {}
    renewed = served.post(f"{ACME}/{made['id']}/rotate", json=renewal).json()
    assert renewed["token"] != made["token"]
    assert is_let_in(renewed), renewed["try"]


@pytest.mark.parametrize("kind", [k for k in KINDS.values() if k.is_named], ids=lambda k: k.name)
def test_a_secret_that_was_renewed_works(served: httpx.Client, kind: Any) -> None:
    made = served.post(ACME, json=dict(kind.example)).json()
    renewed = served.post(f"{ACME}/{made['id']}/rotate", json={}).json()
    assert (renewed["name"], renewed["secret"] != made["secret"]) == (made["name"], True)
    assert is_let_in(renewed), renewed["try"]


@pytest.fixture
def hub(sqlite_demo: str) -> Iterator[Caller]:
    with calling(sqlite_demo) as caller:
        caller.ask("POST", "/hub/v1/tenants", {"name": "acme"})
        yield caller


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({"kind": "anqicms", "name": "x"}, "kind", "anqicms.site"),
        (
            {"kind": "nope"},
            "kind",
            "kind is hub, anqicms.site, kakaclo, mews, sitecore_cdp, tours4fun",
        ),
        ({"kind": "sitecore_cdp", "token": "nocolon"}, "token", "client key:API token"),
        ({"kind": "sitecore_cdp", "token": ":secret"}, "token", "client key:API token"),
        ({"kind": "sitecore_cdp", "token": "keykey:"}, "token", "client key:API token"),
        ({"kind": "mews"}, "digests.client", "ClientToken"),
        ({"kind": "mews", "token": "ACCESS"}, "digests.client", "ClientToken"),
        ({"kind": "mews", "digests": {"klient": "abcd"}}, "digests.klient", "client"),
        ({"kind": "kakaclo", "digests": {"client": "abcd"}}, "digests.client", "no digests"),
        ({"kind": "kakaclo", "name": "x"}, "name", "by its token"),
        ({"kind": "kakaclo", "token": " padded"}, "token", "blank"),
        ({"kind": "kakaclo", "token": "Ümlaut"}, "token", "ASCII"),
        ({"kind": "kakaclo", "tenants": ["acme", "shop"]}, "tenants", "its own tenant"),
        ({"kind": "kakaclo", "tenants": ["shop"]}, "tenants", "its own tenant"),
        ({"kind": "hub", "scopes": ["pools"], "tenants": ["acme", "shop"]}, "tenants", "dialects"),
        ({"kind": "kakaclo", "scopes": ["orders:read"]}, "scopes", "for kind hub"),
        ({"kind": "kakaclo", "expires_at": "2020-01-01T00:00:00Z"}, "expires_at", "past"),
        ({"kind": "tours4fun", "data": {"calls": []}}, "data.calls", "nothing"),
        ({"kind": "tours4fun", "token": "abcd"}, "token", "by its name"),
        ({"kind": "tours4fun", "name": "a" * 64}, "name", "digest"),
        ({"kind": "anqicms.site", "name": "http://shop.example"}, "name", "host"),
        ({"kind": "anqicms.site", "name": "shop.example:8080"}, "name", "port"),
        ({"kind": "anqicms.site", "name": "site:1x", "data": {"site": 2}}, "data.site", "1x"),
        *(
            ({"kind": "anqicms.site", "name": "a.b", "data": {"site": site}}, "data.site", "number")
            for site in ("", "1\n", "a\tb", "ä", "9" * 3_000)  # no login with such a one would hold
        ),
        ({"kind": "hub", "scopes": ["pools"], "name": "x"}, "kind", "its own tokens"),
        (
            {"kind": "hub", "scopes": ["dialects"], "data": {"acts_as": {"anqcms": "1"}}},
            "data.acts_as.anqcms",
            "anqicms",
        ),
    ],
)
def test_what_could_open_nothing_is_refused_with_the_reason(
    hub: Caller, body: dict[str, Any], field: str, says: str
) -> None:
    refused = hub.ask("POST", ACME, body)
    assert refused.status == 400, refused.body
    (error,) = refused.json()["errors"]
    assert error["field"] == field
    assert says in error["message"]


def test_a_change_takes_nothing_away_that_is_needed(hub: Caller) -> None:
    mews = hub.ask("POST", ACME, {"kind": "mews", "digests": {"client": "abcd"}}).json()
    site = hub.ask("POST", ACME, {"kind": "anqicms.site", "name": "site:8"}).json()
    app = hub.ask("POST", ACME, {"kind": "tours4fun"}).json()
    for one, data in (
        (mews, {"client": None}),
        (site, {"site": None}),
        (site, {"site": "9"}),
        (app, {"calls": []}),
    ):
        refused = hub.ask("PATCH", f"{ACME}/{one['id']}", {"data": data})
        assert refused.status == 400, data


def test_a_renewed_cdp_login_keeps_its_client_key(hub: Caller) -> None:
    """Orders are unique under it: a client that renews its token must not be able to place them twice."""
    made = hub.ask("POST", ACME, {"kind": "sitecore_cdp"}).json()
    renewed = hub.ask("POST", f"{ACME}/{made['id']}/rotate", {}).json()
    keys = {each["token"].partition(":")[0] for each in (made, renewed)}
    assert keys == {made["data"]["client_key"]}
    for key in (None, "another"):
        changed = hub.ask("PATCH", f"{ACME}/{made['id']}", {"data": {"client_key": key}})
        assert (changed.status, "rotate" in changed.json()["detail"]) == (400, True)
    same = {"client_key": made["data"]["client_key"], "note": "x"}
    assert hub.ask("PATCH", f"{ACME}/{made['id']}", {"data": same}).json()["data"] == same
    given = hub.ask("POST", f"{ACME}/{made['id']}/rotate", {"token": "other:secret"}).json()
    assert given["data"]["client_key"] == "other"


def test_a_cdp_login_whose_client_key_is_not_known_is_renewed_by_a_whole_token_alone(
    hub: Caller,
) -> None:
    """Of before client keys were kept: a drawn one would be another."""
    demos = "/hub/v1/tenants/cdp/credentials"
    (known,) = hub.ask("GET", f"{demos}?kind=sitecore_cdp").json()["items"]
    assert known["data"] == {"client_key": "demo-cdp"}
    (stored,) = hub.hub.ledger.read(
        lambda reads: reads.credentials(reads.tenant("cdp").id, "sitecore_cdp")
    )
    hub.hub.ledger.put_credential(msgspec.structs.replace(stored, data={}))
    one = f"{demos}/{known['id']}/rotate"
    refused = hub.ask("POST", one, {})
    assert (refused.status, refused.json()["errors"][0]["field"]) == (400, "token")
    renewed = hub.ask("POST", one, {"token": "demo-cdp:another-secret"}).json()
    assert renewed["data"] == known["data"]


def test_a_sandboxs_cdp_login_keeps_its_client_key(hub: Caller) -> None:
    made = hub.ask("POST", "/hub/v1/sandboxes", {"dialect": "sitecore_cdp"}).json()
    path = f"/hub/v1/tenants/{made['tenant']}/credentials"
    (known,) = hub.ask("GET", f"{path}?kind=sitecore_cdp").json()["items"]
    renewed = hub.ask("POST", f"{path}/{known['id']}/rotate", {}).json()
    keys = {each.partition(":")[0] for each in (made["credentials"][0]["token"], renewed["token"])}
    assert keys == {known["data"]["client_key"]}


def test_every_dialect_has_a_kind_and_every_kind_is_tried() -> None:
    assert {name.partition(".")[0] for name in KINDS} == {"hub", *(d.name for d in find_dialects())}
    assert set(LET_IN) == set(KINDS)
