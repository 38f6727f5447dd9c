"""Every command of every document is run: here in a shell beside a real demo, or by the test that is named here."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.main import get_command

from orderhub.cli.commands import app
from tests.support import http
from tests.support.forks import FOR_SHELLS, address
from tests.support.hub_process import LIMIT_S, PROGRAM, environment, wait_for
from tests.test_readme import RUN, documents

ROOT = Path(__file__).parent.parent
DEMO = "http://127.0.0.1:8080"
TOOLS = ("curl", "orderhub", "make", "python", "python3", "pip", "pipx", "docker", "systemctl")
SYSTEM = (
    "install",
    "head",
    "chmod",
    "chown",
    "cp",
    "mv",
    "export",
    "eval",
    "open",
    "/opt/orderhub/bin/",
)
_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)

# What cannot run in a test's shell, and the test that runs it all the same: (document, command) -> file, test.
ELSEWHERE = (
    ("README.md|SECURITY.md", r"pipx install", "tools/wheel_test.py", "main"),
    ("README.md", r"orderhub demo", "tests/cli/test_demo.py", "test_the_five_calls_it_prints"),
    (
        "README.md|docs/first-sale.md",
        r"export ORDERHUB_(DATABASE|SECRET_KEY)|orderhub (init|serve|catalogue import)|eval",
        "tests/test_first_sale.py",
        "test_the_way_to_a_first_sale_is_as_the_guide_says",
    ),
    (
        "docs/install.md",
        r"(/opt/orderhub/bin/orderhub restore|systemctl (stop|start)|mv|chown) |install .*-before$",
        "tools/service_test.py",
        "try_the_backup",
    ),
    ("docs/install.md", r"docker|eval", "tools/service_test.py", "try_the_image"),
    (
        "docs/install.md",
        r"python3 -m venv|/opt/orderhub/bin/(pip|orderhub --version)",
        "tools/service_test.py",
        "put",
    ),
    (
        "docs/install.md",
        r"install|head|chmod|export ORDERHUB_DATABASE|/opt/orderhub/bin/orderhub init|cp|systemctl",
        "tools/service_test.py",
        "try_the_units",
    ),
    (
        "docs/install.md",
        r"export ORDERHUB_PUBLIC_URL|orderhub serve --port 8081",
        "tests/ops/test_ops.py",
        "test_nginx_in_front_of_two_processes",
    ),
    (
        "docs/scale.md",
        r"orderhub database distribute",
        "tests/cluster/test_cluster.py",
        "test_a_ledger_is_laid_out_once",
    ),
    ("docs/processes.md", r"orderhub serve", "tests/cli/test_workers.py", "test_a_worker_that"),
    (
        "docs/backup.md",
        r"orderhub copy",
        "tests/cli/test_backups.py",
        "test_a_ledger_outgrows_sqlite_by_one_command",
    ),
    (
        "docs/(webhooks|integrators).md",
        r"orderhub listen",
        "tests/cli/test_listen.py",
        "test_events_reach_the_address_signed",
    ),
    ("docs/proofs.md", r"python -m prove", "tests/prove/test_proofs.py", "test_kill_9"),
)


@dataclass
class Rehearsal:
    """What a document's commands find: words that stand for the reader's own, and what is done before them."""

    before: str = ""
    instead: dict[str, str] = field(default_factory=dict)
    least: int = 1


MADE = "orderhub init --yes --name acme > /dev/null"
SHOP_ORDER = (
    "curl -s $HUB/api/order/create -H 'Authorization: Bearer hub-demo-shop' "
    """-d '{"goods_id": 188, "quantity": 2}'"""
)
# A shell's function: a new order, whose uid is in $uid; paid if it is asked for.
ORDER = """ORDER() {
curl -s $HUB/api/order/create -H 'Authorization: Bearer hub-demo-omni' \\
  -d '{"goods_id": 910, "quantity": 3}' > made
uid=$(curl -s "$HUB/hub/v1/orders?limit=1" -H 'Authorization: Bearer hub-demo-omni' | jq -r '.items[0].uid')
if test "${1-}" = paid; then orderhub order pay $uid --token hub-demo-omni > made; fi
}
"""
REHEARSED = {
    "docs/demo.md": Rehearsal(
        before=f"{SHOP_ORDER} > made\n"
        "sale=$(curl -s \"$HUB/hub/v1/orders?limit=1\" -H 'Authorization: Bearer hub-demo-shop' "
        "| jq -r '.items[0].uid')",
        instead={"/UID/": "/$sale/"},
        least=3,
    ),
    "docs/openapi.md": Rehearsal(instead={"open http": "curl -s http"}, least=2),
    "docs/events.md": Rehearsal(before=f"{SHOP_ORDER} > made"),
    "docs/webhooks.md": Rehearsal(
        before="id=$(curl -s $HUB/hub/v1/webhooks -H 'Authorization: Bearer hub-demo-shop' "
        """-d '{"url": "http://127.0.0.1:3001/hook", "enabled": false}' | jq -r .id)""",
        least=2,
    ),
    "docs/relay.md": Rehearsal(
        before="export ORDERHUB_URL=$HUB ORDERHUB_TOKEN=hub-demo-shop\n"
        "connection() { curl -s $HUB/hub/v1/connections -H 'Authorization: Bearer hub-demo-shop' "
        "| jq -r '.items[0].id'; }\n"
        "printf 'code,subject,item\\n,product:188,MUG_WHT\\n' > listings.csv\n"
        + SHOP_ORDER.replace("}'", ', "type": "goods"}\'')
        + " > made\n",
        instead={
            "0190…": "'$(connection)'",
            "connection test ID": "connection test $(connection) || test $? = 1",
            "add CONNECTION": "add $(connection)",
            "import CONNECTION": "import $(connection)",
            # Whether there is one to decide about is up to the relay.
            r"handover (placed|send|drop) ID.*": r"handover \1 none 1 || test $? = 2",
        },
        least=10,
    ),
    "docs/hub-api.md": Rehearsal(
        before="export TOKEN=hub-demo-shop ORDERHUB_URL=$HUB ORDERHUB_TOKEN=hub-demo-operator",
        instead={
            "kakaclo-…": "$(orderhub token list acme --json | jq -r '[.[] | select(.kind == \"kakaclo\")][0].id')"
        },
        least=11,
    ),
    "docs/command-line.md": Rehearsal(
        before="export ORDERHUB_URL=$HUB ORDERHUB_TOKEN=hub-demo-omni\n"
        + ORDER
        + "orderhub catalogue put products HAT --set title=Hat --set price=9.50 --set stocked=true\n"
        "orderhub catalogue show products HAT > hat.json\n"
        f"number=$({SHOP_ORDER} | jq -r .data.order_id)\n"
        "hook() { orderhub webhook list --json | jq -r '.[-1].id'; }\n"
        'event() { curl -s "$HUB/hub/v1/events?limit=1&kinds=order.placed" '
        "-H 'Authorization: Bearer hub-demo-omni' | jq -r '.items[0].id'; }",
        instead={
            "webhook test ID": "webhook test $(hook) || test $? = 1",  # nobody is there
            "webhook (deliveries|replay) ID": r"webhook \1 $(hook)",
            "evt_…": "$(event)",
            "order pay ORDER": "order pay $uid",
            "order (ship|refund) ORDER": r"order \1 $uid",
            "order cancel ORDER": "order cancel $uid",
            "202211232209080046": "$number",
            "--tenant (shop|dropship)": r"--tenant \1 --token hub-demo-operator",
        },
        least=15,
    ),
    "docs/backup.md": Rehearsal(before=MADE, least=2),
    "docs/check.md": Rehearsal(before=MADE),
    "docs/desk.md": Rehearsal(before=MADE),
    "docs/moving.md": Rehearsal(
        before="export TOKEN=hub-demo-operator ORDERHUB_DATABASE=$LEDGER; unset ORDERHUB_SECRET_KEY\n"
        "printf 'Order;Date;State;Buyer;Product;Article;Qty;Price\\n"
        "A-1;05.03.2024 14:30;Done;ann@example.com;Hat;HAT;2;9,50\\n' > old-shop.csv",
        instead={"order import": "order import --url $HUB --token hub-demo-operator"},
        least=6,
    ),
    "docs/upgrade.md": Rehearsal(before=MADE, least=2),
    "docs/personal-data.md": Rehearsal(
        before="export ORDERHUB_URL=$HUB ORDERHUB_TOKEN=hub-demo-operator\n"
        "curl -s $HUB/api/order/create -H 'Authorization: Bearer hub-demo-shop' "
        """-d '{"goods_id": 188, "quantity": 1, "remark": "for ann@example.com"}' > made""",
        least=3,
    ),
    "docs/runbook.md": Rehearsal(
        before=MADE, instead={"sqlite:////var/lib/orderhub/": "sqlite:///"}, least=2
    ),
    "docs/testing.md": Rehearsal(
        before="curl -s $HUB/hub/v1/sandboxes -H 'Authorization: Bearer hub-demo-operator' "
        """-d '{"dialect": "mews"}' > made; TENANT=$(jq -r .tenant made); TOKEN=hub-demo-operator""",
        instead={r"\$ID": "$(jq -r .id out)"},
        least=3,
    ),
}


_SPAN = re.compile(r"`(orderhub [^`]+)`")
SHELLS = ("", "sh", "shell", "console")


def commands(document: Path, languages: tuple[str, ...] = SHELLS) -> list[str]:
    """The commands of its blocks, a body of several lines in one; none of what they print."""
    found: list[str] = []
    for language, block in _BLOCK.findall(document.read_text("utf-8")):
        if language not in languages:
            continue
        is_session = any(line.startswith("$ ") for line in block.splitlines())
        is_open = False
        for line in block.splitlines():
            word = line.split(" ")[0].removeprefix("$ ")
            if is_open:
                found[-1] += f"\n{line}"
            elif line.startswith("$ "):
                found.append(line[2:])
            elif not is_session and (word in (*TOOLS, *SYSTEM) or word.startswith(SYSTEM[-1])):
                found.append(line)
            else:
                continue
            is_open = found[-1].count("'") % 2 == 1
    return found


def name_of(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


def elsewhere(document: str, command: str) -> tuple[str, str] | None:
    """The file and the test that run it."""
    for where, pattern, file, test in ELSEWHERE:
        if re.fullmatch(where, document) and re.match(pattern, command):
            return file, test
    return None


def test_no_command_of_any_document_is_run_by_nothing() -> None:
    told, idle = 0, []
    for document in documents():
        name = name_of(document)
        if name in RUN:  # by tests/test_readme.py
            told += len(commands(document, ("console",)))
        for command in commands(document, SHELLS[:-1] if name in RUN else SHELLS):
            told += 1
            if command.startswith("make ") or name in REHEARSED:
                continue
            if elsewhere(name, command) is None:
                idle.append(f"{name}: {command}")
    assert not idle
    assert told > 100


def test_what_runs_the_others_is_there() -> None:
    used = set()
    for document in documents():
        for command in commands(document):
            found = elsewhere(name_of(document), command)
            if found:
                used.add(found)
    assert used == {(file, test) for _, _, file, test in ELSEWHERE}
    for file, test in used:
        assert re.search(rf"^def {test}", (ROOT / file).read_text(), re.MULTILINE), (file, test)


def test_a_command_that_is_named_in_a_sentence_is_there() -> None:
    """`orderhub pool import`, `orderhub token create|list`: by its words, up to what stands for the reader's own."""
    told = 0
    for document in documents():
        if document.name == "CHANGELOG.md":  # what was then
            continue
        for span in _SPAN.findall(_BLOCK.sub("", document.read_text("utf-8"))):
            here = [get_command(app)]
            for word in span.split()[1:]:
                inner = getattr(here[0], "commands", None)
                if inner is None or word.startswith("-") or word.isupper():
                    break
                missing = set(word.split("|")) - set(inner)
                assert not missing, f"{document}: {span}"
                here = [inner[each] for each in word.split("|")]
            told += 1
    assert told > 60


def test_what_is_to_be_made_can_be_made() -> None:
    """Benchmarks and proofs take hours: make says that their targets are there, and does nothing."""
    made = {
        command.partition("#")[0].strip()
        for document in documents()
        if document.name != "CHANGELOG.md"
        for command in commands(document)
        if command.startswith("make ")
    }
    assert len(made) > 20
    for each in sorted(made):
        done = subprocess.run(
            ["bash", "-c", each.replace("make ", "make -n ", 1)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{each}: {done.stderr}"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of a real demo, and its folder."""
    folder = tmp_path_factory.mktemp("demo")
    said = folder / "said"
    words = [*PROGRAM, "demo", "--port", "0", "--json", "--data", str(folder / "data")]
    with said.open("wb") as out, (folder / "log").open("wb") as log:
        process = subprocess.Popen(words, stdout=out, stderr=log, env=environment())
    try:
        url = wait_for(lambda: re.search(r'"url": ?"(http[^"]+)"', said.read_text()), "the demo")[1]
        wait_for(lambda: http.get(f"{url}/health/ready").status_code == 200, "an answer")
        yield url, folder
    finally:
        process.terminate()
        process.wait(LIMIT_S)


@pytest.mark.parametrize("document", sorted(each for each in REHEARSED if (ROOT / each).exists()))
@pytest.mark.slow
def test_the_commands_of_a_document_do_what_they_are_for(
    document: str, demo: tuple[str, Path], tmp_path: Path
) -> None:
    """Each ends with success (of curl: an answer below 400), in the order of the document, in one shell."""
    url, folder = demo
    given = REHEARSED[document]
    tools = tmp_path / "bin"
    tools.mkdir()
    program = tools / "orderhub"
    program.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -SE "{FOR_SHELLS}" "{address()}" "$@"\n'
    )
    program.chmod(0o755)
    (tmp_path / ".curlrc").write_text("fail-with-body\n")
    for name, text in re.findall(r"```(toml)\n(.*?)```", (ROOT / document).read_text(), re.DOTALL):
        (tmp_path / f"old-shop.{name}").write_text(text)
    lines = []
    for command in commands(ROOT / document):
        if elsewhere(document, command) or command.startswith("make "):
            continue
        told = command.replace(DEMO, url).replace("https://hub.example", url)
        if "order ship ORDER" in told or "order refund ORDER" in told:
            lines.append("ORDER paid")
        elif " ORDER" in told:
            lines.append("ORDER")
        for pattern, text in given.instead.items():
            told = re.sub(pattern, text, told)
        lines.append(f"{{ {told}\n}} > new 2> err || {{ cat new err >&2; exit 1; }}; mv new out")
    assert len([each for each in lines if each.startswith("{")]) >= given.least
    script = "\n".join(("set -eu", given.before, "set -x", *lines))
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=environment(
            HOME=str(tmp_path),
            HUB=url,
            LEDGER=f"sqlite:///{folder / 'data' / 'orderhub-demo.sqlite'}",
            PATH=f"{tools}:/usr/local/bin:/usr/bin:/bin",
        ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{done.stderr[-3000:]}"
