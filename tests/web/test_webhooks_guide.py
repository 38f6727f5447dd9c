"""docs/webhooks.md: its receiver is run as it stands, against a real hub; its members are the real ones."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from orderhub.cli.trigger import STEPS
from orderhub.web.hub_api import webhooks
from tests.support import http
from tests.support.hub_process import environment
from tests.support.serving import free_port, serving

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs/webhooks.md").read_text()
AS_SHOP = {"Authorization": "Bearer hub-demo-shop"}


def receiver() -> str:
    """The code of the guide."""
    (code,) = re.findall(r"(?s)```python\n(.*?)```", GUIDE)
    return str(code)


def listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def test_the_receiver_is_ten_lines_beside_what_it_imports() -> None:
    lines = [line for line in receiver().splitlines() if line.strip()]
    assert len([line for line in lines if " import " not in line]) == 10


@pytest.mark.slow
def test_the_receiver_of_the_guide_takes_what_a_real_hub_sends(tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path) as served, http.Client(base_url=served.url, headers=AS_SHOP) as client:
        made = client.post("/hub/v1/webhooks", json={"url": f"http://127.0.0.1:{port}/hook"})
        assert made.status_code == 201, made.text
        one = f"/hub/v1/webhooks/{made.json()['id']}"
        program = f"SECRET, PORT = {made.json()['secret']!r}, {port}\n{receiver()}"
        command = [sys.executable, "-c", program]
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment(PYTHONUNBUFFERED="1"),
        ) as process:
            try:
                assert process.stdout is not None
                while not listens(port):
                    assert process.poll() is None
                    time.sleep(0.05)
                assert client.post(f"{one}/test").json()["status"] == 204
                assert process.stdout.readline() == "webhook.test None\n"
                sale = {
                    "referenceId": "GUIDE_1",
                    "orderedAt": "2024-01-01T16:17:16Z",
                    "price": 20,
                    "currencyCode": "EUR",
                }
                uid = client.post("/v2.1/orders", json=sale).json()["ref"]
                client.post(f"/hub/v1/orders/{uid}/pay")
                assert process.stdout.readline() == f"order.placed {uid}\n"
                assert process.stdout.readline() == f"order.paid {uid}\n"
                # A repeat is known by its id: the next line is the next event's.
                event = f"evt_{uid.replace('-', '')}_1"
                client.post(f"{one}/replay", json={"events": [event]})
                client.post(f"/hub/v1/orders/{uid}/ship")
                assert process.stdout.readline() == f"order.shipped {uid}\n"
            finally:
                process.terminate()


def test_the_guide_names_the_members_that_there_are() -> None:
    named = set(re.findall(r"(?m)^\| ((?:`\w+`(?:, )?)+) \|", GUIDE))
    words = {word for each in named for word in re.findall(r"`(\w+)`", each)}
    shown = set(webhooks.WebhookStanding.__struct_fields__)
    taken = set(webhooks.NewWebhook.__struct_fields__)
    assert words == (shown | taken) - {"id", "created_at"}
    assert set(re.findall(r"`orderhub trigger (order\.\w+)`", GUIDE)) <= set(STEPS)
