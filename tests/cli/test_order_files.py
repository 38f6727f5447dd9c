"""orderhub order export and import: whole orders out to files, and history from elsewhere in."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from orderhub.cli import order_files
from orderhub.cli.commands import app
from orderhub.cli.session import reached, whence_of
from orderhub.core.decide import RECORD_TYPES
from orderhub.demo import live_a_month, seed
from orderhub.dialects.finding import find_dialects
from orderhub.ledger.check import check_ledger
from orderhub.ledger.database import open_engine
from orderhub.ledger.ledger import Ledger
from orderhub.web.cipher import Cipher
from orderhub.web.order_sheets import mapped
from orderhub.web.sheets import RowFault, Unreadable
from tests.support.hub_process import serving

SECRET = "a key for tests"


@pytest.fixture(autouse=True)
def secret_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORDERHUB_DATABASE", raising=False)
    monkeypatch.setenv("ORDERHUB_SECRET_KEY", SECRET)


def seeded(url: str, *, month: bool = False) -> str:
    """The demo's businesses, with their catalogue; with the month of orders behind them or with none."""
    ledger = Ledger.open(url, RECORD_TYPES)
    try:
        seed(ledger, Cipher(SECRET), find_dialects())
        if month:
            live_a_month(ledger, find_dialects())
    finally:
        ledger.close()
    return url


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A month of orders of all doors. Nobody writes to it."""
    return seeded(f"sqlite:///{tmp_path_factory.mktemp('month') / 'hub.sqlite'}", month=True)


def run(*words: str, status: int = 0) -> Any:
    result = CliRunner().invoke(app, ["order", *words])
    assert result.exit_code == status, (result.output, result.exception)
    return result


def exported(url: str, file: Path, *words: str) -> bytes:
    run("export", "--database", url, "--output", str(file), *words)
    return file.read_bytes()


def taken_in(url: str, file: Path, *words: str, status: int = 0) -> tuple[dict, list[str]]:
    result = run("import", str(file), "--database", url, *words, status=status)
    return json.loads(result.stdout), result.stderr.splitlines()


def must_hold(url: str) -> None:
    engine = open_engine(url)
    try:
        report = check_ledger(engine)
    finally:
        engine.dispose()
    assert not report.total, [str(each) for each in report.breaches[:5]]


def asked(url: str, statement: str) -> list[Any]:
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]
    finally:
        engine.dispose()


@contextmanager
def api(url: str) -> Iterator[Any]:
    with reached(database=url, url=None, token=None) as send:
        yield send


DAYS = (
    "SELECT owner, door, status, sum(n), sum(units), sum(revenue), sum(refunded) FROM tally "
    "GROUP BY 1, 2, 3 HAVING sum(n) <> 0 ORDER BY 1, 2, 3"
)


def test_export_import_export_is_the_same_bytes(
    month: str, database_url: str, tmp_path: Path
) -> None:
    first = exported(month, tmp_path / "first")
    count = first.count(b"\n")
    assert count > 400
    seeded(database_url)
    moves = asked(database_url, "SELECT count(*) FROM pool_move")
    done = {"imported": count, "unchanged": 0, "refused": 0}
    assert taken_in(database_url, tmp_path / "first", "--dry-run")[0] == {**done, "dry_run": True}
    assert exported(database_url, tmp_path / "none") == b""
    assert taken_in(database_url, tmp_path / "first")[0] == done
    assert exported(database_url, tmp_path / "second") == first
    again = {"imported": 0, "unchanged": count, "refused": 0}
    assert taken_in(database_url, tmp_path / "first")[0] == again
    must_hold(database_url)
    # Nothing was drawn, nobody is told, nothing waits; but it counts on the days on which it was.
    assert asked(database_url, "SELECT count(*) FROM pool_move") == moves
    assert asked(database_url, "SELECT count(*) FROM timer") == [(0,)]
    assert asked(database_url, "SELECT count(*) FROM feed WHERE order_id <> 0") == [(0,)]
    assert asked(database_url, DAYS) == asked(month, DAYS)


STEPS = {
    "pending": ("pay", "cancel"),
    "paid": ("ship", "refund", "complete"),
    "shipped": ("complete", "refund"),
    "completed": ("refund",),
    "refunding": ("refund", "reject-refund"),
}


def test_later_commands_move_an_imported_order_and_return_nothing_that_was_never_drawn(
    month: str, sqlite_url: str, tmp_path: Path
) -> None:
    exported(month, tmp_path / "first")
    taken_in(seeded(sqlite_url), tmp_path / "first")
    pools = asked(sqlite_url, "SELECT * FROM pool WHERE kind <> 'balance' ORDER BY 1, 2, 3, 4")
    met: dict[tuple[str, str, str], int] = {}
    with api(sqlite_url) as send:
        for line in (tmp_path / "first").read_text().splitlines():
            order = json.loads(line)
            for action in STEPS.get(order.get("status", "pending"), ()):
                name = (order["dialect"], order.get("status", "pending"), action)
                if met.get(name, 0) >= 2:
                    continue
                answer = send("POST", f"/hub/v1/orders/{order['uid']}/{action}", json={})
                met[name] = met.get(name, 0) + 1
                assert answer.status_code == 200, (name, answer.text)
                break
    assert len(met) > 12
    must_hold(sqlite_url)
    assert pools == asked(
        sqlite_url, "SELECT * FROM pool WHERE kind <> 'balance' ORDER BY 1, 2, 3, 4"
    )


def test_an_export_takes_the_filters_of_the_search_and_goes_on_behind_a_cursor(
    month: str, tmp_path: Path
) -> None:
    whole = exported(month, tmp_path / "whole")
    of_shop = [each for each in whole.splitlines(keepends=True) if b'"tenant":"shop"' in each]
    assert exported(month, tmp_path / "shop", "--tenant", "shop") == b"".join(of_shop)
    paid = [each for each in of_shop if json.loads(each).get("status") == "paid"]
    some = exported(month, tmp_path / "paid", "--tenant", "shop", "--status", "paid")
    assert some == b"".join(paid)
    with api(month) as send:
        page = send("GET", "/hub/v1/orders:export", params={"limit": "7"}).json()
        rest = send(
            "GET",
            "/hub/v1/orders:export",
            params={"cursor": page["next_cursor"]},
            headers={"Accept": "application/x-ndjson"},
        ).content
    assert b"".join(whole.splitlines(keepends=True)[7:]) == rest
    said = run("export", "--database", month, "--after", page["next_cursor"]).stdout_bytes
    assert said == rest
    refused = run("export", "--database", month, "--word", "x", "--sku", "y", status=2)
    assert "No index answers" in refused.stderr


def test_an_export_into_a_file_that_broke_off_goes_on_where_it_was(
    month: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = exported(month, tmp_path / "whole")
    file, sent = tmp_path / "part", []
    behind = order_files._Pages.behind

    def breaks(self: Any, cursor: str) -> Iterator[Any]:
        for each in behind(self, cursor):
            if len(sent) == 1:
                raise KeyboardInterrupt
            sent.append(each)
            yield each

    monkeypatch.setattr(order_files._Pages, "behind", breaks)
    run("export", "--database", month, "-o", str(file), status=130)
    assert not file.exists()
    assert (tmp_path / "part.part").stat().st_size
    monkeypatch.setattr(order_files._Pages, "behind", behind)
    assert exported(month, file) == whole
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith("part")] == ["part"]


def broken_off(month: str, file: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    """An export of which a page is there."""
    behind = order_files._Pages.behind

    def breaks(self: Any, cursor: str) -> Iterator[tuple[bytes, str]]:
        pages = behind(self, cursor)
        yield next(pages)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(order_files._Pages, "behind", breaks)
        run("export", "--database", month, "-o", str(file), *words, status=130)


@pytest.mark.parametrize("text", ["", '{"of": {"form', "[]", "null"])
def test_an_export_whose_mark_is_not_whole_begins_anew(
    month: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    whole, file = exported(month, tmp_path / "whole"), tmp_path / "part"
    broken_off(month, file, monkeypatch)
    mark = tmp_path / "part.part.json"
    assert mark.read_text()
    mark.write_text(text)
    assert exported(month, file) == whole


def test_an_export_from_elsewhere_is_no_part_of_this_one(
    month: str, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "part"
    broken_off(month, file, monkeypatch)
    seeded(sqlite_url)
    assert exported(sqlite_url, file) == exported(sqlite_url, tmp_path / "whole")
    broken_off(month, file, monkeypatch)
    cursor = json.loads((tmp_path / "part.part.json").read_text())["after"]
    broken_off(month, file, monkeypatch, "--after", cursor)
    assert exported(month, file) == exported(month, tmp_path / "whole")


def test_what_an_export_is_of_has_no_secret_in_it() -> None:
    asked = {"database": "postgresql://u:S3cret@h/db", "url": None, "token": "S3cret"}
    found = whence_of(**asked)
    assert found["at"] == "postgresql://u:***@h/db"
    assert found["by"]
    assert "S3cret" not in str(found)
    hub = whence_of(database=None, url="https://hub.example", token="S3cret")
    assert hub == {"at": "https://hub.example", "by": found["by"]}
    assert whence_of(database=None, url="https://hub.example", token="other") != hub


def test_csv_has_a_row_a_line_and_comes_in_again(
    month: str, sqlite_url: str, tmp_path: Path
) -> None:
    table = exported(month, tmp_path / "table.csv", "--format", "csv")
    lines = asked(month, "SELECT count(*) FROM order_line")[0][0]
    assert table.count(b"\r\n") == 1 + lines
    counted, said = taken_in(seeded(sqlite_url), tmp_path / "table.csv")
    assert (counted["refused"], said) == (0, [])
    must_hold(sqlite_url)
    sums = "SELECT number, status, total, currency, paid, refunded FROM orders ORDER BY uid"
    assert asked(sqlite_url, sums) == asked(month, sums)


SHOP_TABLE = """Order;Date;State;Buyer;Product;Qty;Price
A-1;05.03.2024 14:30;Done;ann@example.com;Hat;2;1.009,50
A-1;05.03.2024 14:30;Done;ann@example.com;Scarf;1;19,90
A-2;06.03.2024 09:00;Open;bob@example.com;Hat;1;1.009,50
A-3;soon;Open;eve@example.com;Hat;1;9,50
A-4;06.03.2024 09:00;Lost;eve@example.com;Hat;1;9,50
A-5;07.03.2024 10:00;Back;cat@example.com;Hat;1;9,50
"""
MAPPING = """
number = "Order"
currency = { value = "EUR" }
occurred_at = { column = "Date", form = "%d.%m.%Y %H:%M", zone = "Europe/Berlin" }
"contact.email" = "Buyer"
"line.title" = "Product"
"line.quantity" = "Qty"
"line.unit_gross" = { column = "Price", decimal = "," }

[status]
column = "State"
values = { Done = "completed", Open = "pending", Back = "refunded" }
"""


def test_a_table_of_anybodys_comes_in_by_a_mapping(database_url: str, tmp_path: Path) -> None:
    seeded(database_url)
    (tmp_path / "old.csv").write_text(SHOP_TABLE)
    (tmp_path / "map.toml").write_text(MAPPING)
    words = ("--mapping", str(tmp_path / "map.toml"), "--tenant", "shop")
    counted, said = taken_in(database_url, tmp_path / "old.csv", *words, status=1)
    assert counted == {"imported": 3, "unchanged": 0, "refused": 2}
    assert [each.rpartition("old.csv:")[2] for each in said] == [
        "5: Date: soon is not of the form %d.%m.%Y %H:%M",
        "6: State: Lost is none of Done, Open, Back",
    ]
    again = taken_in(database_url, tmp_path / "old.csv", *words, status=1)[0]
    assert again == {"imported": 0, "unchanged": 3, "refused": 2}
    must_hold(database_url)
    with api(database_url) as send:
        found = send(
            "GET", "/hub/v1/orders", params={"tenant": "shop", "email": "ann@example.com"}
        ).json()["items"]
        assert [(each["number"], each["total"], each["status"]) for each in found] == [
            ("A-1", "2038.9", "completed")
        ]
        assert found[0]["occurred_at"] == found[0]["recorded_at"] == "2024-03-05T13:30:00Z"
        days = send(
            "GET",
            "/hub/v1/reports/daily",
            params={"tenant": "shop", "from": "2024-03-07", "to": "2024-03-07"},
        ).json()["items"]
        assert [(each["revenue"], each["refunded"]) for each in days] == [("9.5", "9.5")]
        paid = send("GET", "/hub/v1/orders", params={"tenant": "shop", "number": "A-2"}).json()
        uid = paid["items"][0]["uid"]
        assert send("POST", f"/hub/v1/orders/{uid}/pay", json={}).status_code == 200
        events = send("GET", "/hub/v1/events", params={"tenant": "shop"}).json()["items"]
        assert [each["kind"] for each in events] == ["order.paid"]
    must_hold(database_url)


HEADS = 'number = "Order"\ncurrency = { value = "EUR" }\noccurred_at = "Date"\n"line.title" = "Product"\n'
WHOLE = f"""{HEADS}"line.unit_gross" = "Price"
[status]
column = "State"
values = {{ Done = "completed", Open = "pending" }}
"""
WRONG_ROWS = {
    "a cell too many": "A2,2024-03-05T14:30:00Z,Cap,5,Done,more",
    "a cell too many before the number": "more,A2,2024-03-05T14:30:00Z,Cap,5,Done",
    "a cell too few": "A2,2024-03-05T14:30:00Z,Cap,5",
    "a word for none": "A2,2024-03-05T14:30:00Z,Cap,5,done",
}


def test_a_constant_that_its_own_mapping_does_not_take_is_said_of_each_row() -> None:
    mapping = WHOLE.replace('number = "Order"', 'number = { value = "A", values = { B = "B" } }')
    rows = b"Order,Date,Product,Price,State\nA1,2024-03-05T14:30:00Z,Hat,19,Done\n"
    ((_, refused),) = mapped(rows, mapping)
    assert isinstance(refused, RowFault)


@pytest.mark.parametrize("wrong", WRONG_ROWS)
@pytest.mark.parametrize("is_first", [False, True])
def test_an_order_of_which_a_row_is_refused_is_not_imported(
    sqlite_url: str, tmp_path: Path, wrong: str, is_first: bool
) -> None:
    """Once it were there without its line, no repeat would bring the line in."""
    seeded(sqlite_url)
    (tmp_path / "map.toml").write_text(WHOLE)
    good = [f"A{n},2024-03-05T14:30:00Z,Hat,19,Done" for n in (1, 2, 3)]
    rows = [WRONG_ROWS[wrong], *good] if is_first else [*good, WRONG_ROWS[wrong]]
    file = tmp_path / "part.csv"
    file.write_text("\n".join(["Order,Date,Product,Price,State", *rows]) + "\n")
    words = ("--mapping", str(tmp_path / "map.toml"), "--tenant", "shop")
    counted, said = taken_in(sqlite_url, file, *words, status=1)
    assert counted == {"imported": 2, "unchanged": 0, "refused": 2}
    bad, order = (2, 4) if is_first else (5, 3)
    assert f"{file}:{order}: order: line {bad} is or may be a row of it, and is refused" in said
    mended = "A2,2024-03-05T14:30:00Z,Cap,5,Done"
    file.write_text(file.read_text().replace(WRONG_ROWS[wrong], mended))
    assert taken_in(sqlite_url, file, *words)[0] == {"imported": 1, "unchanged": 2, "refused": 0}
    with api(sqlite_url) as send:
        asked = {"tenant": "shop", "number": "A2"}
        (found,) = send("GET", "/hub/v1/orders", params=asked).json()["items"]
    assert found["total"] == "24"


def test_rows_of_one_uid_are_one_order_without_a_number(tmp_path: Path) -> None:
    uid = "0190aaaa-0000-7000-8000-000000001000"
    rows = "".join(f"shop,{uid},{title}\n" for title in ("Hat", "Cap"))
    found = mapped(f"tenant,uid,line.title\n{rows}".encode(), "")
    assert [(line, [each["title"] for each in order["lines"]]) for line, order in found] == [
        (2, ["Hat", "Cap"])
    ]


@pytest.mark.parametrize(
    ("member", "says"),
    [
        ('occurred_at = { column = "a", form = "%d.%d.%Y" }', "form %d.%d.%Y cannot be read"),
        ('occurred_at = { column = "a", form = "%Q" }', "form %Q cannot be read"),
        ('occurred_at = { column = "a", form = "%d%" }', "form %d% cannot be read"),
        ('occurred_at = { column = "a", form = "%d", zone = "Europe" }', "zone Europe is unknown"),
    ],
)
def test_a_mapping_that_cannot_be_followed_is_refused_as_a_whole(member: str, says: str) -> None:
    with pytest.raises(Unreadable, match=says):
        mapped(b"a,b\n1,2\n", member)


def test_a_member_and_its_own_members_from_two_columns_refuse_the_row() -> None:
    for both in (("contact", "contact.email"), ("contact.email", "contact")):
        sources = "".join(
            f'"{name}" = "{column}"\n' for name, column in zip(both, "ab", strict=True)
        )
        ((line, fault),) = mapped(b"a,b\n1,2\n", sources)
        assert line == 2
        assert "contact" in str(fault)
        assert "other column" in str(fault) or "another column" in str(fault)


def test_a_file_may_begin_with_blank_lines(sqlite_url: str, tmp_path: Path) -> None:
    seeded(sqlite_url)
    file = tmp_path / "blank.ndjson"
    file.write_text(f"\n \n{json.dumps({**GOOD, 'tenant': 'shop'})}\nno JSON\n")
    counted, said = taken_in(sqlite_url, file, status=1)
    assert (counted["imported"], counted["refused"]) == (1, 1)
    assert said[0].startswith(f"{file}:4: ")


GOOD = {
    "number": "X-1",
    "currency": "EUR",
    "occurred_at": "2024-03-05T13:30:00Z",
    "lines": [{"title": "Hat", "unit_gross": "9.50", "quantity": 2}],
}
BAD = {
    "number": ({"number": ""}, "number is required where there is no uid"),
    "uid": ({"uid": "nobody"}, "uid is a UUID in small letters whose last three digits are 0"),
    "later": ({"recorded_at": "2999-01-01T00:00:00Z"}, "recorded_at has not come yet"),
    "sum": ({"total": "20", "net": "10"}, "net + tax = total on every order"),
    "line": (
        {"lines": [{"unit_gross": "9.50", "net": "9", "gross": "9"}]},
        "a line is quantity x unit, rounded as its order says",
    ),
    "member": ({"colour": "red"}, "colour: contains unknown field `colour`"),
    "dialect": ({"dialect": "fax"}, "dialect is one of anqicms, hub, kakaclo, mews"),
    "state": ({"status": "lost"}, "status: Invalid enum value 'lost'"),
    "history": (
        {
            "status": "paid",
            "events": [
                {
                    "kind": "placed",
                    "occurred_at": "2024-03-05T13:30:00Z",
                    "recorded_at": "2024-03-05T13:30:00Z",
                    "data": {"status": "pending", "total": "19", "currency": "EUR"},
                }
            ],
        },
        "an order's row is what its events add up to: status is paid, events say pending",
    ),
    "digits": (
        {"lines": [{"title": "Hat", "unit_gross": "1_0"}]},
        "lines[0].unit_gross is an amount such as 12.50",
    ),
    "script": ({"total": "\u0663"}, "total is an amount such as 12.50"),
    "moment": (
        {"status": "paid", "shipped_at": "2024-03-06T00:00:00Z"},
        "shipped_at does not go with the status paid",
    ),
    "business": ({"business": {"terms": "Nobody"}}, "business: Invalid value 'Nobody'"),
    "tenant": ({"tenant": "nobody"}, "no tenant nobody: make it first"),
}


def test_each_row_that_cannot_stand_is_refused_alone(sqlite_url: str, tmp_path: Path) -> None:
    seeded(sqlite_url)
    rows = [
        {**GOOD, "tenant": "shop", "number": f"X-{n}", **bad}
        for n, (bad, _) in enumerate(BAD.values(), 2)
    ]
    good = {**GOOD, "tenant": "shop"}
    taken = {**GOOD, "tenant": "shop", "uid": "0190aaaa-0000-7000-8000-000000001000"}
    file = tmp_path / "rows.ndjson"
    file.write_text("\n".join(map(json.dumps, (good, *rows, taken))) + "\nno JSON\n")
    counted, said = taken_in(sqlite_url, file, status=1)
    assert counted == {"imported": 1, "unchanged": 0, "refused": len(BAD) + 2}
    for line, (name, (_, words)) in enumerate(BAD.items(), 2):
        found = next(each for each in said if each.startswith(f"{file}:{line}:"))
        assert words in found, (name, found)
    assert "bears the number X-1" in said[-2]
    must_hold(sqlite_url)


def test_an_order_beyond_the_limit_is_refused_on_its_line(sqlite_url: str, tmp_path: Path) -> None:
    seeded(sqlite_url)
    file = tmp_path / "huge.ndjson"
    orders = [{**GOOD, "tenant": "shop", "number": f"H{n}"} for n in (1, 2, 3)]
    orders[1]["notes"] = "x" * 5_000_000
    file.write_text("\n".join(map(json.dumps, orders)))
    counted, said = taken_in(sqlite_url, file, status=1)
    assert counted == {"imported": 2, "unchanged": 0, "refused": 1}
    assert said == [f"{file}:2: an order of more than 4194304 bytes"]


# (state, the moments that are told) -> the steps that led to it
HISTORIES = [
    ("pending", (), ()),
    ("paid", ("paid",), ("paid",)),
    ("shipped", ("shipped",), ("paid", "shipped")),
    ("completed", (), ("paid", "completed")),
    ("completed", ("shipped",), ("paid", "shipped", "completed")),
    ("cancelled", ("cancelled",), ("cancelled",)),
    ("refunding", (), ("paid", "refund_requested")),
    ("refunding", ("shipped",), ("paid", "shipped", "refund_requested")),
    ("refunding", ("completed",), ("paid", "completed", "refund_requested")),
    ("refunded", ("refunded",), ("paid", "refunded")),
    (
        "refunded",
        ("shipped", "completed", "refund_asked"),
        ("paid", "shipped", "completed", "refund_requested", "refunded"),
    ),
]


def test_a_history_has_every_step_whose_moment_is_told(database_url: str, tmp_path: Path) -> None:
    seeded(database_url)
    moments = {
        name: f"2024-03-{day:02}T00:00:00Z"
        for day, name in enumerate(
            ("paid", "shipped", "completed", "cancelled", "refund_asked", "refunded"), 6
        )
    }
    rows = [
        {
            **GOOD,
            "tenant": "shop",
            "number": f"H-{n}",
            "status": status,
            **{f"{each}_at": moments[each] for each in told},
        }
        for n, (status, told, _) in enumerate(HISTORIES)
    ]
    file = tmp_path / "rows.ndjson"
    file.write_text("\n".join(map(json.dumps, rows)))
    assert taken_in(database_url, file)[0]["imported"] == len(rows)
    must_hold(database_url)
    with api(database_url) as send:
        for n, (status, told, steps) in enumerate(HISTORIES):
            asked_for = {"tenant": "shop", "number": f"H-{n}"}
            uid = send("GET", "/hub/v1/orders", params=asked_for).json()["items"][0]["uid"]
            order = send("GET", f"/hub/v1/orders/{uid}").json()
            events = {each["kind"]: each["occurred_at"] for each in order["events"]}
            assert (*events,) == ("placed", *steps)
            for each in told:
                kind = {"refund_asked": "refund_requested"}.get(each, each)
                assert events[kind] == moments[each]
            if status == "refunding":
                kept = send("POST", f"/hub/v1/orders/{uid}/reject-refund", json={}).json()
                assert kept["status"] == steps[-2]
                again = send("POST", f"/hub/v1/orders/{uid}/ship", json={})
                assert again.status_code == (200 if steps[-2] == "paid" else 409)
    must_hold(database_url)


def test_ids_that_come_along_are_kept_and_passed_over(sqlite_url: str, tmp_path: Path) -> None:
    seeded(sqlite_url)
    file = tmp_path / "rows.ndjson"
    rows = [{**GOOD, "tenant": "shop", "id": n, "number": f"X-{n}"} for n in (7, 900_000)]
    file.write_text("\n".join(map(json.dumps, rows)))
    assert taken_in(sqlite_url, file)[0]["imported"] == 2
    same = {**GOOD, "tenant": "shop", "id": 7, "number": "X-8"}
    file.write_text(json.dumps(same))
    counted, said = taken_in(sqlite_url, file, status=1)
    assert counted["refused"] == 1
    assert "has the id 7" in said[0]
    assert taken_in(sqlite_url, file, "--new-ids")[0]["imported"] == 1
    found = dict(asked(sqlite_url, "SELECT number, id FROM orders"))
    assert (found["X-7"], found["X-900000"]) == (7, 900_000)
    assert found["X-8"] > 900_000 or found["X-8"] not in (7, 900_000)
    must_hold(sqlite_url)


def test_it_goes_over_http_and_a_tenants_token_sees_its_own(
    tmp_path: Path, sqlite_url: str
) -> None:
    seeded(sqlite_url)
    file = tmp_path / "rows.ndjson"
    file.write_text(json.dumps(GOOD) + "\n")
    with serving(sqlite_url, tmp_path / "log", ORDERHUB_SECRET_KEY=SECRET) as hub:
        where = ("--url", hub.url, "--token", "hub-demo-shop")
        result = run("import", str(file), *where)
        assert json.loads(result.stdout)["imported"] == 1
        found = run("export", *where).stdout
        assert [json.loads(each)["number"] for each in found.splitlines()] == ["X-1"]
        other = run("export", "--url", hub.url, "--token", "hub-demo-hotel").stdout
        assert other == ""
