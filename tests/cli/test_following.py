"""Commands that follow go on where they were when the hub comes back: nothing is lost, nothing is shown twice."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from orderhub.cli import session
from orderhub.cli.commands import app
from tests.support import http
from tests.support.hub_process import PROGRAM, environment
from tests.support.serving import PATIENCE_S, Served, serving

PARCEL = {
    "orderAddress": {"country": "FR", "phone": "1", "recipient": "Lollia", "province": "Loire"},
    "orderItemsList": [{"sku": "TS_RED_M", "quantity": 1}],
}


@contextmanager
def following(served: Served, *words: str) -> Iterator[subprocess.Popen[str]]:
    command = [*PROGRAM, *words, "--url", served.url, "--token", "hub-demo-dropship"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(PYTHONUNBUFFERED="1"),
    ) as process:
        overdue = threading.Timer(3 * PATIENCE_S, process.kill)
        overdue.start()
        try:
            yield process
        finally:
            overdue.cancel()
            process.kill()


def place(served: Served) -> str:
    """A call's id."""
    token = {"Authorization": "Bearer demo-kakaclo"}
    answer = http.post(f"{served.url}/openapi/v1/order/order", json=PARCEL, headers=token)
    assert answer.json()["code"] == 10000, answer.text
    return answer.headers["request-id"]


def kept(served: Served, request_id: str) -> bool:
    """Whether the log has the call; asking writes it down."""
    token = {"Authorization": "Bearer hub-demo-dropship"}
    asked = http.get(f"{served.url}/hub/v1/requests/{request_id}", headers=token)
    return asked.status_code == 200


def line(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    found: dict[str, Any] = json.loads(process.stdout.readline())
    return found


@pytest.mark.slow
def test_events_and_calls_are_followed_over_a_hub_that_is_killed(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        asked = [place(served)]
        assert kept(served, asked[0])
        with (
            following(served, "events", "--follow", "--after", "") as events,
            following(served, "tail", "-f", "--json", "-n", "1", "--channel", "kakaclo") as calls,
        ):
            told, shown = [line(events)["request_id"]], [line(calls)["id"]]
            served.kill()
            for each in (events, calls):
                assert each.stderr is not None
                said = each.stderr.readline()
                assert "does not answer" in said
                assert said.endswith("Waiting for it.\n")
            served.start_again()
            asked += [place(served), place(served)]
            told += [line(events)["request_id"] for _ in range(2)]
            shown += [line(calls)["id"] for _ in range(2)]
        assert told == asked
        assert shown == asked


def test_a_hub_that_never_was_there_is_not_waited_for() -> None:
    for command in ("events", "tail"):
        words = [command, "--follow", "--url", "http://127.0.0.1:9", "--token", "x"]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 2
        assert "does not answer" in result.output


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_hub_that_says_later_is_asked_again_and_told_of_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], status: int
) -> None:
    monkeypatch.setattr(session, "_ASK_AGAIN_S", 0)
    busy = httpx.Response(status, json={"title": "busy"})
    answers = [busy, busy, httpx.Response(200, json={"items": []})]
    assert session.patiently(lambda: session.answer_of(answers.pop(0))) == {"items": []}
    assert capsys.readouterr().err == "orderhub: Busy. Waiting for it.\n"


def test_what_is_refused_is_not_asked_again() -> None:
    refused = httpx.Response(403, json={"title": "no such scope"})
    with pytest.raises(session.CommandRefused, match="No such scope"):
        session.patiently(lambda: session.answer_of(refused))
