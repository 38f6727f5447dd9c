"""orderhub order, pool, catalogue: over HTTP and on the database, by the hub's own API."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orderhub.cli.commands import app
from orderhub.cli.server import _DEMO_DATABASE, _DEMO_KEY, _demo_files
from tests.support.hub_process import serving

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a fresh demo."""
    data = tmp_path_factory.mktemp("demo")
    (data / _DEMO_DATABASE).touch()
    _demo_files(f"sqlite:///{data / _DEMO_DATABASE}", data, keep=False)
    return data


@pytest.fixture(scope="module", params=["database", "url"])
def reached(
    request: pytest.FixtureRequest, demo: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """By which variables a command gets to a demo of its own."""
    data = Path(shutil.copytree(demo, tmp_path_factory.mktemp("copy") / "demo"))
    url = f"sqlite:///{data / _DEMO_DATABASE}"
    key = (data / _DEMO_KEY).read_text()
    if request.param == "database":
        yield {"ORDERHUB_DATABASE": url, "ORDERHUB_SECRET_KEY": key}
        return
    with serving(url, data / "log", ORDERHUB_SECRET_KEY=key) as hub:
        yield {"ORDERHUB_URL": hub.url, "ORDERHUB_TOKEN": "hub-demo-operator"}


@pytest.fixture
def run(reached: dict[str, str]) -> Run:
    def call(*words: str, exit_code: int = 0, stdin: str | None = None) -> Any:
        result = CliRunner(env=reached).invoke(app, list(words), input=stdin)
        assert result.exit_code == exit_code, result.output
        if exit_code:
            assert result.stdout == ""
            assert result.stderr.startswith("orderhub: ")
            assert result.stderr.count("\n") == 1
            return result.stderr
        return json.loads(result.stdout)  # one document and nothing else

    return call


def an_order(run: Run) -> Any:
    (found,) = run("order", "list", "--tenant", "omni", "--status", "pending", "--limit", "1")
    return found


def test_orders_are_listed_by_the_filters_of_the_hubs_list(run: Run) -> None:
    assert len(run("order", "list")) == 50
    assert len(run("order", "list", "--limit", "0")) > 300
    paid = run("order", "list", "--tenant", "omni", "--status", "paid", "--limit", "3")
    assert [(each["tenant"], each["status"]) for each in paid] == [("omni", "paid")] * 3
    said = run("order", "list", "--status", "payd", exit_code=2)
    assert said.startswith("orderhub: --status: ")
    said = run("order", "list", "--occurred-from", "tomorrow", "--tenant", "omni", exit_code=2)
    assert said.startswith("orderhub: --occurred-from: ")


def test_an_order_is_paid_shipped_and_refunded_by_its_number_or_uid(run: Run) -> None:
    order = an_order(run)
    uid, number = order["uid"], order["number"]
    shown = run("order", "show", number, "--tenant", "omni")
    assert shown["uid"] == uid
    assert shown["lines"]
    assert "orderGoods" not in run("order", "show", uid, "--as", "kakaclo")
    dry = run("order", "pay", uid, "--method", "cash", "--dry-run")
    assert (dry["status"], run("order", "show", uid)["status"]) == ("paid", "pending")
    assert run("order", "pay", number, "--tenant", "omni", "--method", "cash")["status"] == "paid"
    said = run("order", "ship", uid, "--line", "1:99999", exit_code=2)
    assert "--line" in said or "line" in said
    assert run("order", "ship", uid, "--carrier", "UPS", "--tracking", "1Z")["status"] == "shipped"
    assert run("order", "refund", uid, "--amount", "1")["refunded"] == "1"
    kinds = [each["kind"] for each in run("order", "show", uid)["events"]]
    assert kinds[0] == "placed"
    assert len(kinds) == 4


def test_an_order_is_cancelled_once(run: Run) -> None:
    order = an_order(run)
    assert run("order", "cancel", order["uid"], "--reason", "asked")["status"] == "cancelled"
    assert "cancel" in run("order", "pay", order["uid"], exit_code=2)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("order", "show", "nope", "--tenant", "omni"), "No order has the number nope."),
        (("order", "show", "nope"), "--tenant: "),
        (("order", "ship", "nope", "--line", "one"), "--line: 'one' is no LINE_NO"),
        (("order", "refund", "00000000-0000-4000-8000-000000000000", "--amount", "a"), "--amount: "),
        (("pool", "count", "NOPE", "1", "--reason", "r", "--tenant", "omni"), "ITEM: no product"),
        (("pool", "count", "PLENTY", "x", "--reason", "r", "--tenant", "omni"), "COUNT: "),
        (("pool", "list", "--kind", "stocks", "--tenant", "omni"), "--kind: "),
        (("pool", "list"), "There are several tenants"),
        (("pool", "adjust", "PLENTY", "--reason", "r", "--tenant", "omni"), "--by: "),
        (("catalogue", "show", "products", "NOPE", "--tenant", "omni"), "No item of products has"),
        (("catalogue", "show", "things", "NOPE", "--tenant", "omni"), "KIND: "),
        (("catalogue", "put", "products", "PLENTY", "--set", "prce=1", "--tenant", "omni"), "prce"),
        (("catalogue", "put", "products", "PLENTY", "--set", "price=x", "--tenant", "omni"), "price"),
    ],
)  # fmt: skip
def test_what_is_refused_is_one_sentence_that_names_what_was_typed(
    run: Run, words: tuple[str, ...], says: str
) -> None:
    assert says in run(*words, exit_code=2)


def test_a_pool_is_adjusted_and_counted(run: Run) -> None:
    words = ("--reason", "inventory", "--tenant", "omni")
    was = run("pool", "count", "PLENTY", "1000", *words)["available"]
    assert was == 1000
    assert run("pool", "adjust", "PLENTY", "--by", "-3", *words)["available"] == 997
    assert run("pool", "adjust", "product:910", "--by", "2", *words)["available"] == 999
    assert run("pool", "count", "PLENTY", "5", *words, "--dry-run")["available"] == 5
    (left,) = run("pool", "list", "--item", "product:910", "--tenant", "omni")
    assert left["available"] == 999
    money = run("pool", "adjust", "USD", "--kind", "balance", "--by", "12.50",
                "--reason", "paid in", "--tenant", "dropship")  # fmt: skip
    assert money["kind"] == "balance"


def test_an_item_is_changed_in_part_or_written_whole(run: Run) -> None:
    words = ("--tenant", "omni")
    made = run("catalogue", "put", "products", "NEW", "--set", "title=New", "--set", "price=3",
               "--set", "stock=4", *words)  # fmt: skip
    assert (made["code"], made["doc"]["title"]) == ("NEW", "New")
    (pool,) = run("pool", "list", "--item", f"product:{made['id']}", *words)
    assert pool["available"] == 4
    changed = run("catalogue", "put", "products", "NEW", "--set", "price=3.50", *words)
    assert changed["doc"]["title"] == "New"
    assert float(changed["doc"]["price"]) == 3.5
    whole = json.dumps({"doc": {**changed["doc"], "title": "Whole"}})
    run("catalogue", "put", "products", str(made["id"]), "--file", "-", *words, stdin=whole)
    assert run("catalogue", "show", "products", "NEW", *words)["doc"]["title"] == "Whole"
    assert "NEW" in [each["code"] for each in run("catalogue", "list", *words)]
    dry = run("catalogue", "put", "products", "NEW2", "--set", "title=N", *words, "--dry-run")
    assert dry["dry_run"] is True
    assert "No item" in run("catalogue", "show", "products", "NEW2", *words, exit_code=2)
