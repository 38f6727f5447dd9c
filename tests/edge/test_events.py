"""The feed of a real server: a stream over the wire, the command that follows it, and a stop that ends both."""

import json
import signal
import subprocess
import threading
from functools import partial
from pathlib import Path

import pytest

from tests.support import http
from tests.support.hub_process import PROGRAM, environment, orderhub
from tests.support.serving import PATIENCE_S, serving

CDP = {"Authorization": "Bearer hub-demo-cdp"}


def record(url: str, number: int) -> None:
    body = {
        "referenceId": f"R{number}",
        "orderedAt": "2024-01-01T16:17:16Z",
        "price": 1.5,
        "currencyCode": "EUR",
    }
    answer = http.post(f"{url}/v2.1/orders", json=body, headers=CDP)
    assert answer.status_code == 201, answer.text


def test_a_stream_goes_on_until_the_server_leaves(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        record(served.url, 1)
        headers = {**CDP, "Accept": "text/event-stream"}
        with http.stream(
            "GET", f"{served.url}/hub/v1/events", headers=headers, timeout=PATIENCE_S
        ) as stream:
            assert stream.headers["content-type"] == "text/event-stream"
            lines = stream.iter_lines()
            told = [next(line for line in lines if line.startswith("data: "))]
            record(served.url, 2)
            told.append(next(line for line in lines if line.startswith("data: ")))
            references = [
                json.loads(each.removeprefix("data: "))["data"]["reference"] for each in told
            ]
            assert references == ["R1", "R2"]
            served.process.send_signal(signal.SIGTERM)
            assert [line for line in lines if line.startswith("data")] == []
        assert served.process.wait(PATIENCE_S) == 0


@pytest.mark.slow
def test_the_command_prints_events_and_follows_those_that_come(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        record(served.url, 1)
        words = ["events", "--url", served.url, "--token", "hub-demo-cdp"]
        done = orderhub(*words)
        (line,) = done.stdout.splitlines()
        assert json.loads(line)["kind"] == "order.placed"
        cursor = done.stderr.strip().removeprefix("next: --after ")
        with subprocess.Popen(
            [*PROGRAM, *words, "--follow", "--after", cursor],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Whoever is started in the background is born deaf to it.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        ) as following:
            overdue = threading.Timer(PATIENCE_S, following.kill)
            overdue.start()
            record(served.url, 2)
            assert following.stdout is not None
            assert json.loads(following.stdout.readline())["data"]["reference"] == "R2"
            following.send_signal(signal.SIGINT)
            assert following.wait(PATIENCE_S) == 0
            overdue.cancel()
        wrong = orderhub(*words, "--after", "x")
        assert (wrong.returncode, wrong.stderr) == (
            2,
            "orderhub: --after: after is no cursor of the feed.\n",
        )
