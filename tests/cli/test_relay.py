"""orderhub connection, route, listing, handover: over HTTP and on the database, by the hub's own API."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orderhub.cli.commands import app
from tests.cli.test_terminal import OnTerminal
from tests.support import http
from tests.support.calls import calling
from tests.support.clients import SHOP_HOME
from tests.support.hub_process import SECRET_KEY, Served, serving, wait_for

Run = Callable[..., Any]

SHOP = ("--tenant", "shop")
NOBODY = "http://127.0.0.1:9"  # nobody listens there
TOKEN = "demo-kakaclo"
ORDER = {"goods_id": 188, "quantity": 1, "type": "goods", "address": SHOP_HOME}


@pytest.fixture(scope="module")
def vendor(demo_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dropshipper, with things to list."""
    folder = tmp_path_factory.mktemp("vendor")
    with serving(f"sqlite:///{shutil.copy(demo_file, folder)}", folder / "log") as hub:
        yield hub.url


@pytest.fixture
def url(sqlite_demo: str) -> str:
    return sqlite_demo


@pytest.fixture
def hub(url: str, tmp_path: Path) -> Iterator[Served]:
    with serving(url, tmp_path / "log") as hub:
        yield hub


def at_hub(hub: Served) -> dict[str, str]:
    return {"ORDERHUB_URL": hub.url, "ORDERHUB_TOKEN": "hub-demo-operator"}


def at_database(url: str) -> dict[str, str]:
    return {"ORDERHUB_DATABASE": url, "ORDERHUB_SECRET_KEY": SECRET_KEY}


@pytest.fixture(params=["database", "url"])
def run(request: pytest.FixtureRequest, url: str) -> Run:
    """Both ways to a hub."""
    if request.param == "database":
        return runner(at_database(url))
    return runner(at_hub(request.getfixturevalue("hub")))


def runner(reached: dict[str, str]) -> Run:
    def call(*words: str, exit_code: int = 0) -> Any:
        result = CliRunner(env=reached).invoke(app, [*words, *SHOP])
        assert result.exit_code == exit_code, result.output
        assert TOKEN not in result.output
        if exit_code == 2:
            assert result.stdout == ""
            assert result.stderr.startswith("orderhub: ")
            assert result.stderr.count("\n") == 1
            return result.stderr
        return json.loads(result.stdout) if result.stdout else None  # one document or nothing

    return call


def connected(run: Run, address: str = NOBODY, *more: str) -> str:
    words = ("--credential", f"token={TOKEN}", "--option", "country=US")
    made: str = run("connection", "add", "kakaclo", address, *words, *more)["id"]
    return made


# --- the whole way


def test_an_order_goes_to_a_vendor_that_was_connected_tried_routed_and_listed(
    hub: Served, vendor: str, tmp_path: Path
) -> None:
    run = runner(at_hub(hub))
    connection = connected(run, vendor)
    tried = run("connection", "test", connection)
    assert (tried["ok"], tried["about"][:15]) == (True, "the account has")
    route = run("route", "add", connection, "--when", "placed", "--channel", "anqicms")
    assert (route["when"], route["channels"]) == ("placed", ["anqicms"])
    assert [each["id"] for each in run("route", "list")] == [route["id"]]
    assert sold(hub)["code"] == 0
    (waits,) = wait_for(lambda: of_reason(run, "not listed"), "an order that waits")
    (shown,) = run("handover", "preview", waits["order"])
    assert "not listed at this connection" in shown["obstacle"]
    file = tmp_path / "listings.csv"
    file.write_text("subject,item,sku,title\nproduct:188,TS_RED_M,TS_RED_M,T-shirt\n")
    assert run("listing", "import", connection, str(file)) == {"listed": 1}
    (placed,) = wait_for(lambda: run("handover", "list", "--state", "placed"), "placed")
    assert (placed["id"], bool(placed["number"])) == (waits["id"], True)
    assert run("handover", "show", placed["id"])["number"] == placed["number"]
    (shown,) = run("handover", "preview", placed["order"], "--connection", connection)
    assert (shown["obstacle"], shown["request"]["method"]) == (None, "POST")
    assert placed["marker"] in json.dumps(shown["request"])
    (there,) = run("connection", "list")
    assert [there[each] for each in ("planned", "sending", "unsure", "failing")] == [0, 0, 0, None]
    run("route", "remove", route["id"])
    run("connection", "remove", connection)
    assert run("connection", "list") == run("listing", "list") == []
    assert len(run("handover", "list")) == 1, "what went there stays, as history"


def sold(hub: Served) -> Any:
    return hub.ask("POST", "/api/order/create", "hub-demo-shop", json=ORDER).json()


def of_reason(run: Run, reason: str) -> list[Any]:
    return [each for each in run("handover", "list") if reason in (each["reason"] or "")]


def test_what_a_person_decides_is_done(url: str) -> None:
    run = runner(at_database(url))
    connection = connected(run, NOBODY, "--off")
    run("route", "add", connection, "--when", "placed")
    with calling(url) as hub:
        for _ in range(2):
            made = hub.ask("POST", "/api/order/create", ORDER, "hub-demo-shop")
            assert made.json()["code"] == 0
    second, first = run("handover", "list", "--connection", connection)
    assert run("handover", "list", "--limit", "1") == [second]
    assert run("handover", "list", "--order", first["order"]) == [first]
    assert {first["state"], second["state"]} == {"planned"}
    dry = run("handover", "placed", first["id"], "KK-1", "--dry-run")
    assert (dry["state"], run("handover", "show", first["id"])["state"]) == ("placed", "planned")
    assert run("handover", "placed", first["id"], "KK-1")["number"] == "KK-1"
    said = run("handover", "placed", second["id"], "KK-1", exit_code=2)
    assert said == f"orderhub: NUMBER: KK-1 is the hand-over {first['id']} already.\n"
    said = run("handover", "send", first["id"], exit_code=2)
    assert "nobody can decide about it now" in said
    assert run("handover", "drop", second["id"], "--reason", "by hand", "--dry-run")
    dropped = run("handover", "drop", second["id"], "--reason", "by hand")
    assert (dropped["state"], dropped["reason"]) == ("refused", "by hand")
    assert run("handover", "list", "--state", "refused") == [dropped]
    assert run("handover", "send", second["id"], "--dry-run")["state"] == "planned"
    assert run("handover", "send", second["id"])["state"] == "planned"
    assert run("handover", "drop", second["id"])["reason"].startswith("somebody decided")


# --- listings


def test_a_file_of_listings_is_read_and_is_what_the_list_of_the_api_is(
    hub: Served, tmp_path: Path
) -> None:
    """What a person typed, what a spreadsheet made of it, and what was read from the hub."""
    run = runner(at_hub(hub))
    connection, other = connected(run), connected(run)
    file = tmp_path / "listings.csv"
    text = (
        '\ufeffsubject;item;sku;title;data\nproduct:188;V1;;"=1+1; a shirt";"{""price"": 2.50}"\n'
    )
    file.write_text(text, encoding="utf-8")
    assert run("listing", "import", connection, str(file), "--dry-run") == {"listed": 1}
    assert run("listing", "list") == []
    assert run("listing", "import", connection, str(file)) == {"listed": 1}
    (listed,) = run("listing", "list", "--connection", connection)
    assert (listed["subject"], listed["item"], listed["sku"]) == ("product:188", "V1", None)
    assert (listed["title"], listed["data"]) == ("=1+1; a shirt", {"price": 2.5})
    headers = {"Authorization": "Bearer hub-demo-shop", "Accept": "text/csv"}
    exported = http.get(f"{hub.url}/hub/v1/listings", headers=headers)
    assert exported.headers["content-type"].startswith("text/csv"), exported.text
    file.write_bytes(exported.content)
    assert run("listing", "import", other, str(file)) == {"listed": 1}
    (copy,) = run("listing", "list", "--connection", other)
    given = ("subject", "code", "item", "sku", "title", "data")
    assert [copy[each] for each in given] == [listed[each] for each in given]
    run("listing", "remove", copy["id"])
    assert run("listing", "list") == [listed]


def test_one_thing_is_listed_and_listed_anew(run: Run) -> None:
    connection = connected(run)
    words = ("listing", "add", connection, "product:188")
    (dry,) = run(*words, "V0", "--dry-run")
    assert (dry["item"], run("listing", "list")) == ("V0", [])
    (made,) = run(*words, "V1", "--sku", "S", "--title", "T", "--data", "price=2")
    assert (made["item"], made["sku"], made["title"], made["data"]) == (
        "V1",
        "S",
        "T",
        {"price": 2},
    )
    (again,) = run(*words, "V2")
    assert (again["id"], again["item"], again["data"]) == (made["id"], "V2", {})


def test_a_wrong_row_of_many_lists_none_of_them(run: Run, tmp_path: Path) -> None:
    connection = connected(run)
    file = tmp_path / "listings.csv"
    good = "product:188,V1\n"
    fillers = "".join(f"product:{189 + each},V{each}\n" for each in range(499))
    file.write_text(f"subject,item\n{good}product:99188,V2\n")
    said = run("listing", "import", connection, str(file), exit_code=2)
    assert said == "orderhub: FILE, line 3, subject: there is no product:99188.\n"
    file.write_text(f"subject,item\n{good}{fillers}")
    assert "FILE, line " in run("listing", "import", connection, str(file), exit_code=2)
    assert run("listing", "list") == []


def test_of_several_parts_none_is_listed_where_the_last_one_is_wrong(
    monkeypatch: pytest.MonkeyPatch, url: str, tmp_path: Path
) -> None:
    monkeypatch.setattr("orderhub.cli.connections._AT_ONCE", 1)
    run = runner(at_database(url))
    connection = connected(run)
    file = tmp_path / "listings.csv"
    file.write_text("code,item\nSKU-NONE,V2\n")
    file.write_text("subject,item\nproduct:188,V1\nproduct:99188,V2\n")
    said = run("listing", "import", connection, str(file), exit_code=2)
    assert "line 3, subject: there is no product:99188" in said
    assert run("listing", "list") == []
    file.write_text("subject,item\nproduct:188,V1\nvariant:1,V2\n")
    assert run("listing", "import", connection, str(file)) == {"listed": 2}
    assert [each["item"] for each in run("listing", "list")] == ["V1", "V2"]


def test_what_the_vendor_lists_is_matched_by_sku(run: Run, vendor: str) -> None:
    matched = run("connection", "match", connected(run, vendor))
    assert matched["error"] is None
    assert matched["read"] == matched["listed"] + len(matched["unmatched"]) > 0
    assert len(run("listing", "list")) == matched["listed"]


# --- what is wrong


def test_a_vendor_that_is_not_there_is_exit_status_1(run: Run) -> None:
    connection = connected(run)
    tried = run("connection", "test", connection, exit_code=1)
    assert (tried["ok"], tried["about"][:13]) == (False, "no connection")
    assert run("connection", "match", connection, exit_code=1)["error"]


ID = "ID: no connection nope."


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("connection", "add", "nope", NOBODY), "DIALECT: dialect is one of anqicms, kakaclo"),
        (
            ("connection", "add", "kakaclo", "ftp://x", "--credential", "token=x"),
            "ADDRESS: base_url must begin with",
        ),
        (("connection", "add", "mews", NOBODY), "--credential client_token: "),
        (
            ("connection", "add", "kakaclo", NOBODY, "--credential", "tokn=x"),
            "--credential tokn: credentials.tokn is not known: there are token (and 1 more).",
        ),
        (
            (*("connection", "add", "kakaclo", NOBODY, "--credential", "token=x"),
             "--option", "country=usa"),
            "--option country: ",
        ),
        (("connection", "test", "nope"), ID),
        (("connection", "match", "nope"), ID),
        (("connection", "remove", "nope"), "ID: no connection with uid nope."),
        (("route", "add", "nope"), "CONNECTION: no connection nope."),
        (("route", "add", "{c}", "--when", "soon"), "--when: "),
        (("route", "add", "{c}", "--channel", "fax"), "--channel: fax is none of "),
        (("route", "add", "{c}", "--country", "usa"), "--country: "),
        (("route", "add", "{c}", "--sku", ""), "--sku is empty: "),
        (("route", "add", "{c}", "--warehouse", ""), "--warehouse is empty: "),
        (("route", "remove", "nope"), "ID: no route with uid nope."),
        (("listing", "list", "--connection", "nope"), "--connection: no connection nope."),
        (("listing", "add", "nope", "product:188", "V"), "CONNECTION: no connection nope."),
        (("listing", "add", "{c}", "NOPE", "V"), "CODE: there is no NOPE."),
        (("listing", "add", "{c}", "product:99188", "V"), "CODE: there is no product:99188."),
        (("listing", "add", "{c}", "product:188", ""), "ITEM is empty: "),
        (("listing", "remove", "nope"), "ID: no listing with uid nope."),
        (("handover", "list", "--state", "lost"), "--state: state is one of planned, "),
        (("handover", "list", "--connection", "nope"), "--connection: no connection nope."),
        (("handover", "list", "--order", "nope"), "--order: no order nope."),
        (("handover", "show", "nope"), "ID: no hand-over nope."),
        (("handover", "send", "nope"), "ID: no hand-over nope."),
        (("handover", "drop", "nope"), "ID: no hand-over nope."),
        (("handover", "placed", "nope", "17"), "ID: no hand-over nope."),
        (("handover", "placed", "nope", ""), "NUMBER is empty: "),
        (("handover", "preview", "nope"), "ORDER: no order nope."),
    ],
)  # fmt: skip
def test_what_is_refused_is_one_sentence_that_names_what_was_typed(
    wrong: tuple[Run, str], words: tuple[str, ...], says: str
) -> None:
    run, connection = wrong
    said = run(*(connection if each == "{c}" else each for each in words), exit_code=2)
    assert said.startswith(f"orderhub: {says}")


@pytest.fixture(scope="module")
def wrong(demo_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, str]:
    """A hub that nothing is changed at, and a connection of it."""
    copy = shutil.copy(demo_file, tmp_path_factory.mktemp("wrong"))
    run = runner(at_database(f"sqlite:///{copy}"))
    return run, connected(run)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "{file} is empty."),
        ("cde,item\nX,1\n", "{file}: there is no column cde: there are code, subject, item, "),
        ("code,code\nX,1\n", "{file}: the column code is there twice."),
        ("code,item\nX\n", "{file}:2: 1 cells, but 2 columns."),
        ("code,item\nNOPE,1\n", "FILE, line 2, code: there is no NOPE."),
        ("subject,item\n\nproduct:188,\n", "FILE, line 3"),
        ("subject,item\nproduct:188,1\nproduct:188,2\n", "FILE, line 3: "),
        ("subject,item,data\nproduct:188,1,x\n", "FILE, line 2, data: "),
        ("item\n1\n", "FILE, line 2, code: say its code or its subject."),
        ('{"code": "NOPE", "item": "1"}\n', "FILE, line 1, code: there is no NOPE."),
    ],
)
def test_what_is_wrong_with_a_file_of_listings_is_said_by_its_line(
    wrong: tuple[Run, str], tmp_path: Path, text: str, says: str
) -> None:
    run, connection = wrong
    file = tmp_path / "l.csv"
    file.write_text(text)
    said = run("listing", "import", connection, str(file), exit_code=2)
    assert said.startswith(f"orderhub: {says.replace('{file}', str(file))}"), said
    assert run("listing", "list") == []


def test_a_file_that_is_not_there_is_one_sentence(wrong: tuple[Run, str], tmp_path: Path) -> None:
    run, connection = wrong
    said = run("listing", "import", connection, str(tmp_path / "none.csv"), exit_code=2)
    assert said.endswith("none.csv cannot be read: no such file or directory.\n")


# --- for people


@pytest.mark.slow
def test_a_terminal_gets_tables(hub: Served) -> None:
    run = runner(at_hub(hub))
    connection = connected(run, NOBODY, "--off")
    run("route", "add", connection, "--when", "placed", "--channel", "anqicms")
    run("listing", "add", connection, "product:188", "TS_RED_M")
    assert sold(hub)["code"] == 0
    for what, holds in (
        ("connection", ("dialect", "kakaclo", NOBODY)),
        ("route", ("channels", "anqicms", "placed")),
        ("listing", ("subject", "product:188", "TS_RED_M")),
        ("handover", ("state", "planned", "next_look")),
    ):
        shown = on_terminal(hub, what, "list")
        assert all(each in shown for each in holds), shown
        assert "{" not in shown
        (one,) = json.loads(on_terminal(hub, what, "list", "--json"))
        assert one["id"]
    assert sold(hub)["code"] == 0
    assert "The first 1; --limit 0 lists all." in on_terminal(hub, "handover", "list", "--limit=1")


def on_terminal(hub: Served, *words: str) -> str:
    wide = {"NO_COLOR": "1", "COLUMNS": "300"}
    return OnTerminal(*words, *SHOP, **wide, **at_hub(hub)).ends()
