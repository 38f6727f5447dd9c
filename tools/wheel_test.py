"""`make wheel-test`: what anyone gets who installs the wheel takes an order.

The wheel is built, installed into an empty venv with exactly what requirements/runtime.txt pins, and served on a
free port; the order is the command that `orderhub init` prints; then the server is asked to stop, and the ledger
is checked. The demo is served too, and each door's command makes an order. Last, the wheel is installed once more by
its name, as the README says, with whatever versions are newest: how long that takes is told, not judged.
Only here nothing of the development environment can help out: no test tool, no checkout.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from pathlib import Path

from tools import wheel

ROOT = Path(__file__).resolve().parents[1]
_PATIENCE_S = 60.0
_ORDER = re.compile(r"^# KakaClo open API: .*\n(curl .*)$", re.MULTILINE)


class Failed(Exception):
    """What did not happen; the message says it."""


def say(text: str) -> None:
    print(text, flush=True)


def installed(folder: Path, built: Path) -> Path:
    """The folder of the programs of a venv that holds the wheel, its pinned dependencies and nothing else."""
    began = time.monotonic()
    venv.create(folder / "venv", with_pip=False)
    programs = folder / "venv" / "bin"
    pip = [sys.executable, "-m", "pip", "--python", str(programs / "python"), "-qq"]
    pip.append("--disable-pip-version-check")
    pinned = ROOT / "requirements" / "runtime.txt"
    subprocess.run([*pip, "install", "--require-hashes", "-r", str(pinned)], check=True)
    subprocess.run([*pip, "install", "--no-deps", "--no-index", str(built)], check=True)
    subprocess.run([*pip, "check"], check=True)
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    found = sorted(each.name.partition("-")[0] for each in packages.glob("*.dist-info"))
    say(f"{len(found)} distributions in {time.monotonic() - began:.0f} s, with what is pinned.")
    if needless := {"pytest", "mypy", "hatchling"} & set(found):
        raise Failed(f"The wheel brought {', '.join(needless)} with it.")
    return programs


def installed_by_name(folder: Path, built: Path) -> None:
    """As anyone does it: `pip install orderhub`, then `orderhub --version`. Raises Failed."""
    began = time.monotonic()
    venv.create(folder / "by-name", with_pip=False)
    programs = folder / "by-name" / "bin"
    pip = [sys.executable, "-m", "pip", "--python", str(programs / "python"), "-qq"]
    pip.append("--disable-pip-version-check")
    subprocess.run([*pip, "install", "--find-links", str(built.parent), "orderhub"], check=True)
    for program in (["orderhub"], ["python", "-m", "orderhub"]):
        words = [str(programs / program[0]), *program[1:], "--version"]
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        if said.strip() != f"orderhub {built.name.split('-')[1]}":
            raise Failed(f"{' '.join(words)} says {said}")
    say(f"Installed by its name in {time.monotonic() - began:.0f} s.")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_ready(hub: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline and hub.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health/ready") as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.05)
    raise Failed(f"The hub is not ready:\n{log.read_text()}")


def try_the_demo(programs: Path, folder: Path) -> None:
    """Each command that the demo tells is answered. Raises Failed."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ORDERHUB_", "PYTHON"))}
    here = {**kept, "PATH": f"{programs}:{kept['PATH']}"}
    log = folder / "demo.log"
    words = ["orderhub", "demo", "--port", "0", "--json"]
    began = time.monotonic()
    with log.open("wb") as err:
        demo = subprocess.Popen(words, cwd=folder, env=here, stdout=subprocess.PIPE, stderr=err)
        try:
            told = b""
            while not told.endswith(b"\n}\n"):
                line = demo.stdout.readline() if demo.stdout else b""
                if not line:
                    raise Failed(f"The demo ended:\n{log.read_text()}")
                told += line
            say(f"The demo is there after {time.monotonic() - began:.0f} s.")
            for door in json.loads(told)["doors"]:
                asked = ["bash", "-c", f"{door['command']} -o /dev/null -w '%{{http_code}}'"]
                status = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
                if status not in {"200", "201"}:
                    raise Failed(f"{door['title']} answered {status} to {door['command']}")
                say(f"{door['title']}: {status}")
        finally:
            demo.send_signal(signal.SIGTERM)
            demo.wait(_PATIENCE_S)


def take_an_order(programs: Path, folder: Path) -> None:
    """From an empty folder to one order in a ledger that is checked. Raises Failed."""
    port = free_port()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ORDERHUB_", "PYTHON"))}
    here = {**kept, "PATH": f"{programs}:{kept['PATH']}", "ORDERHUB_PORT": str(port)}

    def run(*words: str) -> str:
        done = subprocess.run(
            words, cwd=folder, env=here, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Failed(f"{' '.join(words)}:\n{done.stdout}{done.stderr}")
        return done.stdout

    printed = run("orderhub", "init", "--yes", "--name", "acme")
    here["ORDERHUB_SECRET_KEY"] = re.findall(r"ORDERHUB_SECRET_KEY=(\S+)", printed)[0]
    log = folder / "hub.log"
    with log.open("wb") as out:
        hub = subprocess.Popen(["orderhub", "serve"], cwd=folder, env=here, stdout=out, stderr=out)
        try:
            wait_ready(hub, f"http://127.0.0.1:{port}", log)
            answer = run("bash", "-c", _ORDER.findall(printed)[0])
            hub.send_signal(signal.SIGTERM)
            status = hub.wait(_PATIENCE_S)
        finally:
            hub.kill()
            hub.wait()
    if not re.fullmatch(r'\{"code":10000,"message":"success","data":\d+\}\s*', answer):
        raise Failed(f"The order was answered {answer}")
    say(answer.strip())
    if status:
        raise Failed(f"The hub left with {status}:\n{log.read_text()}")
    checked = run("orderhub", "check", "--database", "sqlite:///orderhub.sqlite")
    say(checked.strip())


def main() -> int:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        try:
            built = wheel.build(ROOT, folder)
            say(f"{built.name}: {built.stat().st_size / 1024:.0f} KiB")
            programs = installed(folder, built)
            for name, attempt in (("shop", take_an_order), ("demo", try_the_demo)):
                (folder / name).mkdir()
                attempt(programs, folder / name)
            installed_by_name(folder, built)
        except (Failed, wheel.BuildFailed, subprocess.CalledProcessError) as error:
            print(error, file=sys.stderr)
            return 1
    say("The wheel takes an order by itself.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
