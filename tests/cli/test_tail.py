"""orderhub tail: against a real server, and its lines."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from orderhub.cli import tail
from orderhub.cli.commands import app
from tests.support import http
from tests.support.hub_process import PROGRAM, environment
from tests.support.serving import Served, serving

ORDER = "/openapi/v1/order/order"
TOKEN = "hub-demo-dropship"
PARCEL = {
    "orderAddress": {"country": "FR", "phone": "1", "recipient": "Lollia", "province": "Loire"},
    "orderItemsList": [{"sku": "TS_RED_M", "quantity": 1}],
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("tail")) as server:
        yield server


def place(served: Served, quantity: int) -> httpx.Response:
    parcel = {**PARCEL, "orderItemsList": [{"sku": "MUG_WHT", "quantity": quantity}]}
    token = {"Authorization": "Bearer demo-kakaclo"}
    return http.post(f"{served.url}{ORDER}", json=parcel, headers=token)


def tailed(served: Served, *words: str, token: str = TOKEN) -> list[str]:
    given = ["tail", "--url", served.url, "--token", token, *words]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_a_server_s_calls_are_shown_oldest_first_and_found_by_every_filter(served: Served) -> None:
    first, last = place(served, 1), place(served, 5_000)
    shown = tailed(served, "-n", "2")
    assert [f" POST {ORDER} 200 " in each for each in shown] == [True, True]
    assert "out_of_stock orderItemsList[0].quantity: " in shown[1]
    assert shown[0].startswith(shown[0][:8] + " dropship kakaclo POST ")
    request_id = last.headers["request-id"]
    for words in (
        ("--reason", "out_of_stock"),
        ("--request-id", request_id),
        ("--channel", "kakaclo", "--path", ORDER, "--status", "200", "-n", "1"),
        ("--from", "2024-01-01T00:00:00Z", "--to", "2999-01-01T00:00:00Z", "-n", "1"),
    ):
        (line,) = tailed(served, "--json", *words)
        whole = json.loads(line)
        assert (whole["id"], whole["reason"]) == (request_id, "out_of_stock")
        assert json.loads(whole["request"]["body"])["orderItemsList"][0]["quantity"] == 5_000
    credential = whole["credential"]
    assert len(tailed(served, "--credential", credential)) >= 2
    assert tailed(served, "--credential", "nobody") == []
    assert len(tailed(served, "--tenant", "dropship", token="hub-demo-operator")) >= 2
    assert first.json()["code"] == 10000


def test_following_shows_each_call_once_as_it_comes(served: Served) -> None:
    for quantity in range(1, 4):
        place(served, quantity)
    command = [*PROGRAM, "tail", "--url", served.url, "--token", TOKEN, "-n", "1", "-f", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env=environment(PYTHONUNBUFFERED="1")
    ) as process:
        try:
            assert process.stdout is not None
            begun = json.loads(process.stdout.readline())
            asked = [place(served, each).headers["request-id"] for each in (1, 2, 7_000)]
            lines = [json.loads(process.stdout.readline()) for _ in asked]
        finally:
            process.terminate()
    assert [each["id"] for each in lines] == asked
    assert begun["id"] not in asked
    assert lines[-1]["reason"] == "out_of_stock"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--status", "99"], "--status: "),
        (["--from", "yesterday"], "--from: "),
        (["--tenant", "shop"], "no tenant shop"),
        (["--request-id", "7"], "--request-id: "),
    ],
)
def test_what_is_refused_is_said_with_its_option(
    served: Served, words: list[str], said: str
) -> None:
    result = CliRunner().invoke(app, ["tail", "--url", served.url, "--token", TOKEN, *words])
    assert result.exit_code == 2
    assert said.lower() in result.output.lower()


def item(number: int, **more: Any) -> dict[str, Any]:
    return {"id": str(number), "at": f"2026-01-01T00:{number // 60:02}:{number % 60:02}Z", **more}


def test_what_is_written_down_late_is_shown_once_and_nothing_old_as_new() -> None:
    log = [item(n) for n in range(100)]

    def ask(params: Any) -> Any:
        newest = sorted(log, key=lambda each: each["at"], reverse=True)
        start = int(params.get("cursor", 0))
        end = start + 7
        following = str(end) if end < len(newest) else None
        return {"items": newest[start:end], "next_cursor": following}

    seen = tail._Seen(ask, {})
    assert [each["id"] for each in seen.first(3)] == ["97", "98", "99"]
    assert seen.more() == []
    log += [item(100), {**item(90), "id": "late"}]
    assert [each["id"] for each in seen.more()] == ["late", "100"]
    log.extend(item(n) for n in range(101, 150))
    assert [each["id"] for each in seen.more()] == [str(n) for n in range(101, 150)]
    assert seen.more() == []
    assert len(seen._at) < 40


def test_a_log_that_is_empty_is_followed_from_its_beginning() -> None:
    log: list[dict[str, Any]] = []
    seen = tail._Seen(lambda _: {"items": log[::-1], "next_cursor": None}, {})
    assert seen.first(20) == []
    log.append(item(1))
    assert [each["id"] for each in seen.more()] == ["1"]


def test_a_line_says_what_came_what_went_and_why() -> None:
    call = {
        "id": "0",
        "tenant": "shop",
        "at": "2026-01-01T14:05:11.5Z",
        "channel": "anqicms",
        "method": "POST",
        "path": "/api/order/create",
        "status": None,
        "reason": "invalid",
        "field": "goods_id",
        "detail": "goods_id: missing",
        "orders": ["u1"],
        "duration_ms": 3.14,
    }
    assert tail.line_of(call) == (
        "14:05:11 shop anqicms POST /api/order/create - 3.1 ms invalid goods_id: missing u1"
    )
    bare = {**call, "status": 200, "reason": None, "field": None, "detail": None, "orders": []}
    assert tail.line_of(bare) == "14:05:11 shop anqicms POST /api/order/create 200 3.1 ms"
