"""docs/first-sale.md, by its own commands, with nothing but the wheel: an order of one's own through two doors."""

import os
import re
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from tests.support import http

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "docs" / "first-sale.md").read_text()
LIMIT_S = 300.0  # beyond it something hangs: the way to a first sale takes a few seconds


@pytest.mark.slow
def test_the_way_to_a_first_sale_is_as_the_guide_says(installed: Path, tmp_path: Path) -> None:
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    kept = {name: each for name, each in os.environ.items() if not name.startswith("ORDERHUB_")}
    shell = {
        "cwd": tmp_path,
        "env": {**kept, "PATH": f"{installed}:{kept['PATH']}", "ORDERHUB_PORT": str(port)},
    }
    (table,) = re.findall(r"```csv\n(.*?)```", GUIDE, re.DOTALL)
    (tmp_path / "products.csv").write_text(table)
    *before, serve = re.findall(r"```shell\n(.*?)```", GUIDE, re.DOTALL)
    for each in before:
        subprocess.run(["bash", "-euo", "pipefail", "-c", each], check=True, **shell)
    hub = subprocess.Popen(["bash", "-euc", serve.replace("orderhub serve", "exec orderhub serve")],
                           stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **shell)  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        while not is_ready(address):
            assert hub.poll() is None
            assert time.monotonic() < began + LIMIT_S
            time.sleep(0.05)
        printed = (tmp_path / "first-sale.sh").read_text()
        kakaclo = title_of(printed, "KakaClo").replace("SAMPLE-MUG", "HAT")
        anqicms = title_of(printed, "AnQiCMS").replace('"goods_id":1,', '"goods_id":5,')
        for command, says in ((kakaclo, '"message":"success"'), (anqicms, '"code":0')):
            pasted = subprocess.run(
                ["bash", "-c", command], capture_output=True, text=True, check=True, **shell
            )
            assert says in pasted.stdout, pasted.stdout
        token = re.findall(r"^# The token of acme: (\S+)$", printed, re.MULTILINE)[0]
        headers = {"Authorization": f"Bearer {token}"}
        pools = http.get(f"{address}/hub/v1/tenants/acme/pools?subject=product:5", headers=headers)
        (hats,) = pools.json()["items"]
        assert (hats["place"], hats["available"]) == ("EU01", 10)
        assert time.monotonic() < began + LIMIT_S
    finally:
        hub.kill()
        hub.wait()


def is_ready(address: str) -> bool:
    try:
        return http.get(f"{address}/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def title_of(printed: str, vendor: str) -> str:
    """The command under the vendor's title."""
    (command,) = re.findall(rf"^# {vendor}[^\n]*\n([^\n]+)$", printed, re.MULTILINE)
    return str(command)
