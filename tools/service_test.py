"""`make service-test`: what docs/install.md says of systemd and of a container, done on a Debian of its own.

debootstrap makes the Debian, systemd-nspawn boots it with no network but its loopback, and the commands of the
document are run there as they stand: the program is installed, the units take orders, are killed, saved and restored;
the image, built on that Debian by buildah, takes orders under podman. It needs root, and Debian's debootstrap,
systemd-container and buildah, and fetches some 300 MB; a folder that is named keeps the Debian for the next time.
"""

from __future__ import annotations

import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tools import wheel

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ("debootstrap", "systemd-nspawn", "buildah", "nsenter")
_DEBIAN = ("bookworm", "ca-certificates,python3-venv")
_SERVICES = (
    "systemd systemd-sysv dbus curl procps podman podman-docker crun netavark aardvark-dns iptables"
)
_PATIENCE_S = 120.0
_DOORS = 5  # each takes an order by the command that `init` prints
_LEDGER, _RUN = "/var/lib/orderhub", "/run/systemd/system"
_READY = "curl -sf -o /dev/null http://127.0.0.1:8080/health/ready"
_CHECKED = re.compile(r"every law holds \((\d+) orders")
# What the unit may and may not, tried from within it: each line is a command that has to succeed.
_WITHIN = """\
touch /var/lib/orderhub/x && rm /var/lib/orderhub/x
test -s "$ORDERHUB_SECRET_KEY_FILE"
! touch /etc/x
! touch /opt/orderhub/x
! cat /etc/orderhub/secret_key
! ls /home
! cat /proc/1/status
! unshare --user true
python3 -c 'import os; os.setpriority(os.PRIO_PROCESS, 0, 10)'
! python3 -c 'import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)'
python3 -c 'import mmap; mmap.mmap(-1, 1, prot=6)' 2>&1 | grep PermissionError
python3 -c 'import os; os.sched_setaffinity(0, {0})' 2>&1 | grep PermissionError
"""


class Failed(Exception):
    """What did not happen; the message says it."""


def say(text: str) -> None:
    print(text, flush=True)


def run(*words: str | Path, **more: str) -> str:
    """What it printed. Raises Failed with all of it."""
    done = subprocess.run(
        [str(each) for each in words],
        env={**os.environ, **more},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Failed(f"{shlex.join(map(str, words))} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def blocks(section: str) -> list[str]:
    """The commands of a section of docs/install.md, block by block."""
    text = (ROOT / "docs" / "install.md").read_text("utf-8")
    (found,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return re.findall(r"^```\n(.*?)^```", found, re.MULTILINE | re.DOTALL)


def until(true: Callable[[], bool], what: str) -> float:
    """The seconds that it took. Raises Failed."""
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > _PATIENCE_S:
            raise Failed(f"{what} did not come.")
        time.sleep(0.1)
    return time.monotonic() - began


# --- a Debian, an image on it, a machine that runs


def debian(folder: Path) -> tuple[Path, Path]:
    """The root of a small one, and of one with systemd, podman and the program in it."""
    base, machine = folder / "base", folder / "machine"
    if not base.exists():
        made = folder / "base.part"
        for each in (made, folder / "full"):
            shutil.rmtree(each, ignore_errors=True)
        suite, packages = _DEBIAN
        run("debootstrap", "--variant=minbase", f"--include={packages}", suite, made)
        if trusted := os.environ.get("SSL_CERT_FILE"):  # of a proxy that answers for the registries
            shutil.copyfile(trusted, made / "etc/ssl/certs/ca-certificates.crt")
        run("cp", "-a", made, folder / "full")
        within = f"apt-get update && apt-get install -y --no-install-recommends {_SERVICES}"
        run("chroot", folder / "full", "sh", "-c", within, DEBIAN_FRONTEND="noninteractive")
        for needless in ("var/cache/apt", "var/lib/apt/lists"):
            shutil.rmtree(made / needless)
        made.rename(base)
    shutil.rmtree(machine, ignore_errors=True)
    run("cp", "-a", folder / "full", machine)
    return base, machine


def built_image(folder: Path, base: Path, archive: Path) -> None:
    """An image of this checkout on that base, as an archive; its size is told."""
    store = ["buildah", "--root", str(folder / "images"), "--runroot", str(folder / "images.run")]
    container = run(*store, "from", "scratch").strip()
    run(*store, "add", "-q", container, base, "/")
    run(*store, "config", "--env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", container)
    run(*store, "commit", "-q", "--rm", container, "localhost/base")
    words = ["build", "--format", "docker", "--isolation", "chroot", "--network", "host"]
    words += ["--build-arg", "BASE=localhost/base", "-f", "ops/Dockerfile", "-t", "orderhub"]
    run(*store, *words, ROOT)
    run(*store, "push", "-q", "localhost/orderhub", f"docker-archive:{archive}:localhost/orderhub")
    told = run(*store, "images", "--format", "{{.Name}}: {{.Size}}")
    say("\n".join(line for line in told.splitlines() if "none" not in line))


@contextmanager
def booted(machine: Path) -> Iterator[Callable[..., str]]:
    """What runs a script as root in it, and answers what it printed."""
    words = ["systemd-nspawn", "--boot", "--register=no", "--keep-unit", "--private-network"]
    words += ["--console=pipe", "-D", str(machine)]
    with (machine.parent / "console").open("wb") as console:
        outer = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT
        )
    within = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")

    def inside(script: str) -> str:
        (first,) = within.read_text().split()
        enter = ["nsenter", "-t", first, "-m", "-u", "-i", "-n", "-p", "-r", "-w"]
        # A unit of its own: podman wants to be in a control group of the machine, and containers outlive it.
        unit = ["systemd-run", "-q", "--pipe", "--wait", "--collect", "-E", "HOME=/root"]
        unit += ["-p", "WorkingDirectory=/root/source", "-p", "KillMode=process"]
        return run(*enter, *unit, "bash", "-ec", script)

    def is_up() -> bool:
        try:
            return inside("systemctl is-system-running --wait").strip() == "running"
        except (Failed, OSError, ValueError):
            return False

    try:
        say(f"systemd is the first process of the machine after {until(is_up, 'systemd'):.0f} s.")
        yield inside
    finally:
        outer.terminate()
        outer.wait(_PATIENCE_S)


def put(machine: Path, archive: Path, folder: Path) -> None:
    """The source's ops/, the wheel installed as the document says, what podman is to know."""
    source = machine / "root" / "source"
    shutil.copytree(ROOT / "ops", source / "ops")
    built = wheel.build(ROOT, folder)
    shutil.copy(built, source)
    (install,) = blocks("The program")
    pip = {"PIP_FIND_LINKS": "/root/source", "PIP_NO_CACHE_DIR": "1"}
    run("chroot", machine, "bash", "-ec", install, **pip)
    shutil.move(archive, source / "orderhub.tar")
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    (machine / "etc/containers/containers.conf").write_text(
        '[containers]\nkeyring=false\ncgroups="disabled"\n'
        f'default_ulimits=["nofile={most}:{most}","nproc=1024:1024"]\n'
    )
    (machine / "etc/containers/nodocker").touch()


# --- what is seen


def ready(inside: Callable[..., str]) -> float:
    def answers() -> bool:
        try:
            inside(_READY)
        except Failed:
            return False
        return True

    return until(answers, "An answer of /health/ready")


def orders(text: str) -> int:
    found = _CHECKED.search(text)
    if not found:
        raise Failed(f"The ledger is not right: {text}")
    return int(found[1])


def sell(inside: Callable[..., str]) -> None:
    """Every command that `init` printed takes an order: none is answered without one."""
    inside("sed -i 's/^curl -s /&--fail-with-body /' first-sale.sh; bash -e first-sale.sh")


def try_the_units(inside: Callable[..., str]) -> None:
    """The document's way to a service. Raises Failed."""
    install, _ = blocks("As a service: systemd")
    inside(install)
    say(f"orderhub.service takes orders after {ready(inside):.1f} s.")
    sell(inside)
    inside("systemd-analyze security --threshold=25 orderhub.service orderhub-backup.service")
    lines = enumerate(_WITHIN.splitlines(), 1)
    script = "".join(f"{line} || exit {number}\n" for number, line in lines)
    changes = (
        "s|^ExecStart=.*|ExecStart=/bin/bash /opt/within|;s|^Type=.*|Type=oneshot|;/^Restart/d"
    )
    inside(
        f"cat > /opt/within <<'END'\n{script}END\n"
        f"sed -e '{changes}' /etc/systemd/system/orderhub.service > {_RUN}/within.service\n"
        "systemctl daemon-reload\n"
        "systemctl start within || (journalctl -u within -o cat --no-pager; exit 1)"
    )
    say("From within it nothing else can be written, read or called.")
    inside("kill -9 $(systemctl show -p MainPID --value orderhub); sleep 0.5")
    say(f"Killed by -9 it takes orders again after {ready(inside):.1f} s.")


def try_the_backup(inside: Callable[..., str]) -> None:
    """The timer's backup, and the document's way back from it. Raises Failed."""
    _, restore = blocks("As a service: systemd")
    check = f"/opt/orderhub/bin/orderhub check --database sqlite:///{_LEDGER}/orderhub.sqlite"
    inside(
        f"mkdir -p {_RUN}/orderhub-backup.timer.d\n"
        "printf '[Timer]\\nOnActiveSec=1s\\nRandomizedDelaySec=0\\n' "
        f"> {_RUN}/orderhub-backup.timer.d/soon.conf\n"
        "systemctl daemon-reload; systemctl restart orderhub-backup.timer"
    )
    state = "systemctl show -p ExecMainExitTimestampMonotonic -p ActiveState orderhub-backup"

    def is_made() -> bool:
        left = "ExecMainExitTimestampMonotonic=0"
        return left not in (seen := inside(state)) and "=inactive" in seen

    until(is_made, "A backup")
    name = inside(f"ls {_LEDGER}-backups/*.orderhub").strip()
    sold = orders(inside(check))
    inside(re.sub(rf"{_LEDGER}-backups/\S+", name, restore))
    ready(inside)
    if (back := orders(inside(check))) != sold or sold != _DOORS:
        raise Failed(f"{sold} orders were taken and {back} came back.")
    say(f"The timer made a backup, and {back} orders of it are served again.")
    told = "systemctl stop orderhub; systemctl show -p Result -p ExecMainStatus orderhub"
    left = inside(f"{told}; ls {_LEDGER}").split()
    if left != ["Result=success", "ExecMainStatus=0", "orderhub.sqlite"]:
        raise Failed(f"SIGTERM left {left}.")


def try_the_image(inside: Callable[..., str]) -> None:
    """The document's way to a container, podman in the place of docker. Raises Failed."""
    (block,) = blocks("As a container")
    build, *rest = block.splitlines()
    assert build.startswith("docker build "), build
    *start, check = rest
    inside("podman load -q -i orderhub.tar; " + "\n".join(start))
    say(f"The container takes orders after {ready(inside):.1f} s.")
    sell(inside)
    inside("podman healthcheck run orderhub")  # fails, too, where the image has none
    inside("test $(podman exec orderhub id -u) = 10001")
    inside("! podman exec orderhub touch /opt/orderhub/x")
    sold = orders(inside(check))
    inside("podman stop orderhub")
    if (status := inside("podman wait orderhub; podman rm orderhub").split()[0]) != "0":
        raise Failed(f"SIGTERM ended the container with {status}.")
    inside("\n".join(each for each in start if "init" not in each))
    ready(inside)
    if (kept := orders(inside(check))) != sold or sold != _DOORS:
        raise Failed(f"{sold} orders were taken and {kept} were kept.")
    say(f"Its health check holds, it is not root, and another container serves its {kept} orders.")


def main(folder: Path | None = None) -> int:
    missing = [each for each in TOOLS if not shutil.which(each)]
    if missing or os.geteuid():
        print(f"This needs root and {', '.join(missing or TOOLS)}.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        place = folder or Path(scratch)
        place.mkdir(parents=True, exist_ok=True)
        try:
            base, machine = debian(place)
            built_image(Path(scratch), base, Path(scratch) / "orderhub.tar")
            put(machine, Path(scratch) / "orderhub.tar", Path(scratch))
            with booted(machine) as inside:
                try_the_units(inside)
                try_the_backup(inside)
                try_the_image(inside)
        except (Failed, wheel.BuildFailed) as error:
            print(error, file=sys.stderr)
            return 1
    say("Service and container are as docs/install.md says.")
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:2])))
