"""Lists as files: all rows that the filters find, as CSV and NDJSON; no cell is a formula."""

import asyncio
import csv
import io
import json
import tracemalloc
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from typer.testing import CliRunner

from orderhub.cli.commands import app
from orderhub.dialects.contract import Media
from orderhub.web import sheets
from orderhub.web.hub_api import lists, tables
from orderhub.web.hub_api.access import Guard
from orderhub.web.hub_api.catalogue_kinds import KINDS
from orderhub.web.streaming import send_pieces
from tests.support.dialects import HUB
from tests.support.hub import HubUnderTest, running_hub
from tests.support.many import multiply, take_back
from tests.web.hub_client import AS_CDP, AS_OPERATOR, AS_SHOP, BASE, problem_of, record, sell

CSV, NDJSON = {"Accept": "text/csv"}, {"Accept": "application/x-ndjson"}
# A list -> what makes it a question with an answer.
QUERIES: dict[str, dict[str, str]] = {
    "/hub/v1/tenants/{tenant}/pools/history": {
        "kind": "stock",
        "subject": "product:188",
        "place": "MAIN",
    },
}
NAMES = {"tenant": "shop", "kind": "products"}
LISTS = sorted(
    route.path
    for route in HUB.routes
    if route.method == "GET"
    and isinstance(answers := route.answers.get(200), tuple)
    and any(isinstance(each, Media) and each.type == "text/csv" for each in answers)
)


def table(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    text = answer.content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def objects(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


def test_every_list_of_the_hub_is_a_file_too() -> None:
    """Whatever answers `items` by GET."""
    handlers = {route.path: route for route in HUB.routes if route.method == "GET"}
    plain = []
    for path, route in handlers.items():
        model = route.answers.get(200)
        models = model if isinstance(model, tuple) else (model,)
        has_items = any("items" in getattr(each, "__struct_fields__", ()) for each in models)
        has_items = has_items or any(
            "items" in getattr(getattr(each, "__origin__", None), "__struct_fields__", ())
            for each in models
        )
        if has_items and path not in LISTS:
            plain.append(path)
        if path in LISTS:
            assert isinstance(route.handler, Guard)
    assert plain == []
    assert len(LISTS) >= 10


async def hand_on(hub: HubUnderTest) -> None:
    """A connection that is switched off, a route to it, and a listing there."""
    to = {"dialect": "kakaclo", "base_url": "https://openapi.dropship.example", "enabled": False}
    made = await hub.post(
        "/hub/v1/connections", {**to, "credentials": {"token": "given"}}, headers=AS_SHOP
    )
    there = {"connection": made.json()["id"]}
    await hub.post("/hub/v1/routes", {**there, "when": "placed"}, headers=AS_SHOP)
    items = [{"subject": "product:188", "id": "MUG_WHT"}]
    await hub.post("/hub/v1/listings", {**there, "items": items}, headers=AS_SHOP)


async def test_a_file_has_the_rows_of_all_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "_AT_ONCE", 2)
    async with running_hub(tmp_path) as hub:
        await hand_on(hub)
        for n in range(5):
            order = await sell(hub, 1, name=f"Buyer {n}")
        await hub.get("/api/nothing", headers=AS_SHOP)
        told = {"url": "http://127.0.0.1:9/nobody", "enabled": False}
        webhook = (await hub.post("/hub/v1/webhooks", told, headers=AS_SHOP)).json()["id"]
        await hub.post(f"/hub/v1/webhooks/{webhook}/test", headers=AS_SHOP)
        await hub.post("/hub/v1/sandboxes/shop/snapshots", headers=AS_SHOP)
        for path in LISTS:
            if path == "/hub/v1/orders:export":
                continue  # its table has a row for each line of an order: see tests/cli/test_order_files.py
            query = QUERIES.get(path, {})
            where = path.format(uid=order["uid"], id=webhook, **NAMES)
            found = []
            cursor: str | None = ""
            while cursor is not None:  # before the files: one of the lists is of calls
                page = {**query, "cursor": cursor} if cursor else query
                answer = await hub.get(where, params=page, headers=AS_SHOP)
                assert answer.status_code == 200, (path, answer.text)
                found += answer.json()["items"]
                cursor = answer.json().get("next_cursor")
                cursor = None if path == "/hub/v1/events" else cursor
            assert found, path
            as_objects = objects(await hub.get(where, params=query, headers=AS_SHOP | NDJSON))
            as_table = table(await hub.get(where, params=query, headers=AS_SHOP | CSV))
            for item in (*as_objects, *found):
                item.pop("last_used_at", None)  # which is now
            assert as_objects[-len(found) :] == found, path
            assert len(as_table) == len(as_objects), path
            assert None not in as_table[0], path
            for row, item in zip(as_table, as_objects, strict=True):
                row.pop("last_used_at", None)
                for column, cell in row.items():
                    value: Any = item
                    for name in column.split("."):
                        value = (value or {}).get(name) if isinstance(value, dict) else None
                    if value is None and "doc" in item:
                        value = item["doc"]
                        for name in column.split("."):
                            value = value.get(name) if isinstance(value, dict) else None
                    assert cell == shown(value), (path, column)


def shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return sheets.harmless(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


async def test_filters_limits_cursors_and_fields_are_in_force(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        made = [await sell(hub, 1) for _ in range(4)]
        await hub.pay(made[1]["uid"])

        async def uids(**query: Any) -> list[str]:
            answer = await hub.get("/hub/v1/orders", params=query, headers=AS_SHOP | CSV)
            return [row["uid"] for row in table(answer)]

        everything = await uids()
        assert everything[:4] == [each["uid"] for each in reversed(made)]
        assert await uids(status="paid", limit=1) == [made[1]["uid"]]
        assert await uids(limit=2) == everything[:2]
        assert await uids(number=made[2]["number"]) == [made[2]["uid"]]
        first = (await hub.get("/hub/v1/orders", params={"limit": 3}, headers=AS_SHOP)).json()
        assert await uids(cursor=first["next_cursor"]) == everything[3:]
        query = {"fields": "number, total", "limit": 1}
        answer = await hub.get("/hub/v1/orders", params=query, headers=AS_SHOP | CSV)
        assert table(answer) == [{"number": made[3]["number"], "total": made[3]["total"]}]
        assert answer.headers["content-disposition"] == 'attachment; filename="orders.csv"'
        answer = await hub.get("/hub/v1/orders", params=query, headers=AS_SHOP | NDJSON)
        assert objects(answer) == [{"number": made[3]["number"], "total": made[3]["total"]}]


TENANTS = ("shop", "dropship", "tours", "hotel")


def test_files_of_the_catalogue_go_in_as_they_came_out(tmp_path: Path) -> None:
    async def files() -> dict[tuple[str, str], httpx.Response]:
        async with running_hub(tmp_path) as hub:
            item = {"doc": {"title": "=1+1", "price": "1", "stocked": False}}
            put = f"{BASE}/catalogue/products/77"
            assert (await hub.request("PUT", put, json=item, headers=AS_SHOP)).status_code == 201
            return {
                (tenant, kind): await hub.get(
                    f"/hub/v1/tenants/{tenant}/catalogue/{kind}", headers=AS_OPERATOR | CSV
                )
                for tenant in TENANTS
                for kind in KINDS
            }

    tried = set()
    for (tenant, kind), answer in asyncio.run(files()).items():
        count = len(table(answer))
        if not count or kind in tried:
            continue
        tried.add(kind)
        file = tmp_path / f"{tenant}-{kind}.csv"
        file.write_bytes(answer.content)
        words = ["catalogue", "import", str(file), "--kind", kind, "--tenant", tenant]
        done = CliRunner().invoke(app, [*words, "--database", f"sqlite:///{tmp_path}/hub.sqlite"])
        assert done.exit_code == 0, (tenant, kind, done.output, done.stderr)
        assert json.loads(done.stdout) == {"unchanged": count}, (tenant, kind)
    assert len(tried) > len(KINDS) // 2


async def test_what_is_wrong_with_the_question_is_said_instead_of_a_file(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        wrong = ({"owner": "1", "email": "a@b.c"}, {"cursor": "x"}, {"limit": "0"}, {"fields": "x"})
        for query in wrong:
            answer = await hub.get("/hub/v1/orders", params=query, headers=AS_SHOP | CSV)
            assert (answer.status_code, problem_of(answer)) == (400, "invalid")
        answer = await hub.get("/hub/v1/orders", headers=AS_CDP | CSV)
        assert table(answer) == []
        assert answer.content.startswith(b"\xef\xbb\xbfuid,tenant,dialect,")
        assert (await hub.get("/hub/v1/orders", headers=CSV)).status_code == 401


async def test_events_end_where_the_feed_does(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        for n in range(3):
            await record(hub, n)
        rows = table(await hub.get("/hub/v1/events", headers=AS_CDP | CSV))
        assert [row["kind"] for row in rows] == ["order.placed"] * 3
        assert [json.loads(row["data"])["reference"] for row in rows] == ["R0", "R1", "R2"]
        query = {"limit": 2, "kinds": "order.placed"}
        rows = objects(await hub.get("/hub/v1/events", params=query, headers=AS_CDP | NDJSON))
        assert len(rows) == 2


# --- cells


async def test_no_cell_is_a_formula(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        body = {"referenceId": "=HYPERLINK(1)", "orderedAt": "2024-01-01T16:17:16Z"}
        body |= {"price": -5.5, "currencyCode": "EUR"}
        assert (await hub.post("/v2.1/orders", body, headers=AS_CDP)).status_code == 201
        (row,) = table(await hub.get("/hub/v1/orders", headers=AS_CDP | CSV))
        assert row["reference"] == "'=HYPERLINK(1)"
        assert row["total"] == "-5.5"
        (item,) = objects(await hub.get("/hub/v1/orders", headers=AS_CDP | NDJSON))
        assert item["reference"] == "=HYPERLINK(1)"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+49 30", "'+49 30"),
        ("-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        ("＝1", "'＝1"),
        ("'=1", "''=1"),
        ("-12.50", "-12.50"),
        ("-5", "-5"),
        ("-", "'-"),
        ("1-2", "1-2"),
        ("O'Neill", "O'Neill"),
        ("'tis", "'tis"),
        ("", ""),
    ],
)
def test_cells_are_harmless(text: str, cell: str) -> None:
    assert sheets.harmless(text) == cell
    assert sheets.text_of(cell) == text


@given(st.text(st.sampled_from("'=+-@\t\r\n＝1a, \""), max_size=6))
@example("''=")
def test_a_file_gives_every_text_back_and_begins_none_with_a_formula(text: str) -> None:
    columns = ("a", "b")
    whole = tables.head(columns) + tables.lines([{"a": text, "b": "x"}], columns)
    assert whole.startswith(tables.MARK)
    head, row = csv.reader(io.StringIO(whole.decode("utf-8-sig"), newline=""))
    assert (head, row[1]) == (["a", "b"], "x")
    cell = row[0]
    assert sheets.text_of(cell) == text
    assert cell in (text, f"'{text}")
    assert cell[:1] not in "=+-@\t\r\n＝" or not cell or float(cell) < 0


# --- who wants what


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/json"),
        ("text/csv", "text/csv"),
        ("TEXT/CSV; charset=utf-8", "text/csv"),
        ("text/csv, */*", "text/csv"),
        ("application/json, text/csv", "application/json"),
        ("application/json;q=0.5, text/csv", "text/csv"),
        ("text/csv;q=0", "application/json"),
        ("text/csv;q=x", "application/json"),
        ("application/x-ndjson, text/csv;q=0.9", "application/x-ndjson"),
    ],
)
def test_whoever_asks_for_a_file_gets_one(accept: str, media: str) -> None:
    assert lists.media_of(accept) == media


# --- an answer that breaks off


def test_an_answer_that_breaks_off_has_no_end() -> None:
    async def pieces(*, breaks: bool) -> AsyncGenerator[bytes, None]:
        yield b"a"
        if breaks:
            raise RuntimeError("the database is gone")

    async def sent(*, breaks: bool) -> list[dict[str, Any]]:
        out: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            await asyncio.Event().wait()
            return {}

        async def send(message: Any) -> None:
            out.append(message)

        try:
            await send_pieces(receive, send, pieces(breaks=breaks))
        except RuntimeError:
            assert breaks
        return out

    more = {"type": "http.response.body", "body": b"a", "more_body": True}
    assert asyncio.run(sent(breaks=True)) == [more]
    assert asyncio.run(sent(breaks=False)) == [more, {"type": "http.response.body", "body": b""}]


async def test_a_long_file_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    """What Python holds: the database has a cache of its own, which is as large as it is set."""
    file = tmp_path / "hub.sqlite"

    async def most_held(hub: HubUnderTest) -> tuple[int, int]:
        lines = 0

        messages = [{"type": "http.request", "body": b""}]

        async def receive() -> dict[str, Any]:
            if not messages:
                await asyncio.Event().wait()
            return messages.pop()

        async def send(message: Any) -> None:
            nonlocal lines
            lines += message.get("body", b"").count(b"\n")

        headers = [(b"authorization", b"Bearer hub-demo-cdp"), (b"accept", b"text/csv")]
        scope = {"type": "http", "method": "GET", "path": "/hub/v1/orders", "query_string": b""}
        scope |= {"headers": headers, "client": ("127.0.0.1", 1), "scheme": "http"}
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        await hub.hub.app(scope, receive, send)
        return lines, tracemalloc.get_traced_memory()[1] - before

    async with running_hub(tmp_path) as hub:
        await record(hub, 1)
        multiply(file, "cdp", 300)
        tracemalloc.start()
        try:
            await most_held(hub)  # what is made once is made
            short = await most_held(hub)
            take_back(file)
            multiply(file, "cdp", 3_000)
            long = await most_held(hub)
        finally:
            tracemalloc.stop()
        take_back(file)
    assert (short[0], long[0]) == (301, 3_001)
    # Were they held, 3,000 orders would take some 15 MB; what the collector has not looked at yet takes less.
    assert long[1] < short[1] + 1_000_000, f"{short[1]} bytes for 300 rows, {long[1]} for 3,000"
