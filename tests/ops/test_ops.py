"""What lies in ops/ is run: nginx in front of two hubs, the image's health check; units are read by systemd itself.

That the units and the image do what they are for is seen on a machine of their own: tools/service_test.py.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import trustme

from orderhub.settings import SECRETS, describe
from tests.support import http
from tests.support.hub_process import serving, wait_for
from tools import service_test

OPS = Path(__file__).parents[2] / "ops"
DOCKERFILE = (OPS / "Dockerfile").read_text()
UNITS = sorted(OPS.glob("systemd/*.*"))
KNOWN = {name for name, _, _ in describe()} | {f"ORDERHUB_{x.upper()}_FILE" for x in SECRETS}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_every_setting_that_is_named_there_is_one() -> None:
    for path in [p for p in OPS.rglob("*") if p.is_file()]:
        named = set(re.findall(r"\bORDERHUB_[A-Z_]+[A-Z]\b", path.read_text()))
        assert named - {"ORDERHUB_NAME"} <= KNOWN, path


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_takes_the_units_and_finds_them_closed(tmp_path: Path) -> None:
    for unit in UNITS:
        # It looks whether the program is there.
        text = unit.read_text().replace("/opt/orderhub/bin/orderhub", sys.executable)
        (tmp_path / unit.name).write_text(text)
    names = [str(tmp_path / unit.name) for unit in UNITS]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *names],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    for name in [name for name in names if name.endswith(".service")]:
        words = ["systemd-analyze", "security", "--offline=true", "--threshold=25", name]
        judged = subprocess.run(words, capture_output=True, text=True, check=False)
        assert judged.returncode == 0, judged.stdout[-200:]


def test_a_system_call_that_a_unit_refuses_fails_and_kills_nobody() -> None:
    """systemd kills by itself: one call of a library would end what takes orders."""
    filtered = [each.read_text() for each in UNITS if "SystemCallFilter=" in each.read_text()]
    assert len(filtered) == 2
    assert all("\nSystemCallErrorNumber=EPERM\n" in text for text in filtered)


def test_the_images_health_check_asks_a_hub_and_fails_without_one(tmp_path: Path) -> None:
    (check,) = re.findall(r"^HEALTHCHECK .*\\\n +CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    program, *words = json.loads(check)
    assert program == "python3"

    def verdict(port: str) -> int:
        env = {"ORDERHUB_PORT": port}
        return subprocess.run(
            [sys.executable, *words], env=env, capture_output=True, check=False
        ).returncode

    with serving(f"sqlite:///{tmp_path / 'hub.sqlite'}", tmp_path / "log") as hub:
        port = hub.url.rpartition(":")[2]
        assert verdict(port) == 0
    assert verdict(port) == 1


def test_the_image_is_made_of_what_is_pinned_and_runs_as_nobody_in_particular() -> None:
    for install in re.findall(r"pip install (.*)", DOCKERFILE):
        assert install.startswith(("--require-hashes -r ", "--no-deps --no-index ")), install
    assert "\nUSER orderhub\n" in DOCKERFILE
    assert DOCKERFILE.count("ARG BASE=python:3.11-slim-bookworm\n") == 1


@pytest.mark.parametrize("program", ["docker", "podman", "buildah"])
def test_the_image_has_its_health_check_whoever_makes_it(program: str) -> None:
    """What podman and buildah make by themselves is of OCI's format, which has none."""
    words = ["make", "-n", "image", f"CONTAINER={program}"]
    done = subprocess.run(words, cwd=OPS.parent, capture_output=True, text=True, check=True)
    assert f"BUILDAH_FORMAT=docker {program} build -f ops/Dockerfile " in done.stdout


def test_a_machine_finds_the_commands_of_the_document_and_runs_all_of_them() -> None:
    """tools/service_test.py does so, where there is a root; here it is held that it finds them."""
    (program,) = service_test.blocks("The program")
    units, back = service_test.blocks("As a service: systemd")
    (container,) = service_test.blocks("As a container")
    assert "pip install orderhub" in program
    assert "systemctl enable --now" in units
    assert "orderhub restore" in back
    assert container.startswith("docker build ")


@contextmanager
def nginx(folder: Path, ports: tuple[int, int], port: int) -> Iterator[httpx.Client]:
    """The example with ports and a certificate of one's own, and nothing else changed."""
    authority = trustme.CA()
    certificate = authority.issue_cert("hub.example")
    certificate.cert_chain_pems[0].write_to_path(folder / "hub.crt")
    certificate.private_key_pem.write_to_path(folder / "hub.key")
    text = (OPS / "nginx" / "orderhub.conf").read_text()
    changes = {
        "127.0.0.1:8081 ": f"127.0.0.1:{ports[0]} ",
        "127.0.0.1:8082 ": f"127.0.0.1:{ports[1]} ",
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "/etc/ssl/hub.example.": f"{folder}/hub.",
    }
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "orderhub.conf").write_text(text)
    places = "".join(
        f"{each}_temp_path {folder}/{each};\n"
        for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{places}include {folder}/orderhub.conf;\n}}\n"
    )
    process = subprocess.Popen(["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")])
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    to = {"sni_hostname": "hub.example"}
    try:
        with http.Client(
            base_url=f"https://127.0.0.1:{port}",
            verify=trusted,
            headers={"Host": "hub.example"},
            timeout=30,
            event_hooks={"request": [lambda request: request.extensions.update(to)]},
        ) as client:

            def answers() -> bool:
                assert process.poll() is None, (folder / "error.log").read_text()
                try:
                    return client.get("/health/ready").status_code == 200
                except httpx.TransportError:
                    return False

            wait_for(answers, "nginx")
            yield client
    finally:
        process.terminate()
        process.wait()


@pytest.mark.postgres
@pytest.mark.skipif(not shutil.which("nginx"), reason="needs nginx")
@pytest.mark.slow
def test_nginx_in_front_of_two_processes_goes_on_when_one_is_gone(
    postgres_demo: str, tmp_path: Path
) -> None:
    variables = {
        "ORDERHUB_PUBLIC_URL": "https://hub.example",
        "ORDERHUB_TRUSTED_PROXIES": "127.0.0.1",
    }
    for name in ("a", "b"):
        (tmp_path / name).touch()
    with (
        serving(postgres_demo, tmp_path / "a", **variables) as first,
        serving(postgres_demo, tmp_path / "b", **variables) as second,
    ):
        ports = (int(first.url.rpartition(":")[2]), int(second.url.rpartition(":")[2]))
        with nginx(tmp_path, ports, free_port()) as client:
            bodies = [placed(client, f"key-{number}") for number in range(8)]
            assert len(set(bodies)) == 8

            def both_were_asked() -> bool:
                return all(hub.lines("/api/order/create") for hub in (first, second))

            wait_for(both_were_asked, "an order at each")  # a log's lines come after the answers
            assert client.get("/metrics").status_code == 404
            first.process.kill()
            first.process.wait()
            again = [placed(client, f"key-{number}") for number in range(8)]
            assert again == bodies  # no order twice, whichever process took it
            assert len({placed(client, f"new-{number}") for number in range(4)}) == 4
            told = streamed(client)
            assert told.startswith("id: ")


def placed(client: httpx.Client, key: str) -> str:
    headers = {"Authorization": "Bearer hub-demo-shop", "Idempotency-Key": key}
    body = {"goods_id": 188, "quantity": 1, "type": "goods"}
    answer = client.post("/api/order/create", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"]["order_id"])


def streamed(client: httpx.Client) -> str:
    """The first line of the stream of events, while it stays open."""
    headers = {"Authorization": "Bearer hub-demo-shop", "Accept": "text/event-stream"}
    with client.stream("GET", "/hub/v1/events", headers=headers) as answer:
        assert answer.status_code == 200
        return next(line for line in answer.iter_lines() if line.startswith("id"))


def test_nginx_lets_idle_connections_go_before_the_hub_does() -> None:
    text = (OPS / "nginx" / "orderhub.conf").read_text()
    (idle,) = re.findall(r"keepalive_timeout (\d+)s;", text)
    default = {name: value for name, value, _ in describe()}["ORDERHUB_KEEP_ALIVE_S"]
    assert int(idle) < int(default)
