"""docs/testing.md, by its own test file, with nothing but the wheel; and what `orderhub.testing` promises besides."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from orderhub.conform.cases import golden_cases
from orderhub.conform.runner import body_bytes
from orderhub.dialects.conforming import Login
from orderhub.dialects.finding import conformance_of, dialect_names
from orderhub.testing import Hub, HubRefused, running_hub
from tests.support import http

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "docs" / "testing.md").read_text("utf-8")
ORDER = {
    "orderAddress": {"country": "FR", "phone": "1", "recipient": "L", "province": "C"},
    "orderItemsList": [{"sku": "MUG_WHT", "quantity": 1}],
}
WITHOUT_PYTEST = """
import sys
sys.modules["pytest"] = None
import orderhub.testing
"""


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with running_hub() as found:
        yield found


@pytest.mark.slow
def test_the_test_file_of_the_guide_passes_with_the_wheel_alone(
    installed: Path, tmp_path: Path
) -> None:
    (test_file,) = re.findall(r"```python\n(\"\"\".*?)```", GUIDE, re.DOTALL)
    (tmp_path / "test_shop.py").write_text(test_file, "utf-8")
    strict = ["-W", "error", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:schemathesis"]
    run = subprocess.run(
        [installed / "python", "-m", "pytest", "-q", *strict, "test_shop.py"],
        cwd=tmp_path,
        env={"PATH": "", "HOME": str(tmp_path), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "4 passed" in run.stdout
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith("orderhub-")] == []


def test_pytest_finds_the_fixture_and_is_no_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (entry,) = project["entry-points"]["pytest11"].values()
    assert entry == "orderhub.pytest_plugin"
    assert not [each for each in project["dependencies"] if each.startswith("pytest")]
    subprocess.run([sys.executable, "-c", WITHOUT_PYTEST], cwd=ROOT, check=True)


def test_the_plugin_loads_nothing_of_the_hub_for_those_who_do_not_ask_for_it() -> None:
    look = "import sys, orderhub.pytest_plugin; print([n for n in sys.modules if n.startswith('orderhub.')])"
    run = subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "['orderhub.pytest_plugin']"


def test_the_second_block_of_the_guide_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"```python\n(from .*?)```", GUIDE, re.DOTALL)
    exec(block, {})
    assert "'access_token'" in capsys.readouterr().out


@pytest.mark.parametrize("name", dialect_names())
def test_the_credentials_open_the_vendors_api_as_conform_names_them(hub: Hub, name: str) -> None:
    with hub.sandbox(name) as sandbox:
        client, sample = conformance_of(name).client, golden_cases(name)[0].request
        names = {option.name for option in client.options}
        # Users of AnQiCMS have tokens, a site has none: the sandbox's own stands for one of its users.
        assert set(sandbox.credentials) == names - ({"token"} if client.needs_hub_token else set())
        token = sandbox.token if client.needs_hub_token else ""
        request = client.with_login(sample, sample, Login(sandbox.credentials, token))
        content = body_bytes(request, {}) or b""
        query = dict(request.query)
        if request.sign is not None:
            query |= client.signature({**request.sign, **_of(sandbox.credentials)}, content)
        sandbox.clock.freeze(golden_cases(name)[0].clock or None)
        answer = http.post(
            f"{sandbox.base_url}{request.path}",
            params=query,
            content=content,
            headers=dict(request.headers),
        )
        assert answer.is_success, answer.text
        assert len(sandbox.orders()) == 1, answer.text


def _of(credentials: dict[str, str]) -> dict[str, str]:
    return {name: credentials[name] for name in ("appkey", "secret") if name in credentials}


def test_sandboxes_do_not_meet(hub: Hub) -> None:
    with hub.sandbox("kakaclo") as one, hub.sandbox("kakaclo") as other:
        assert one.client.post("/openapi/v1/order/order", json=ORDER).json()["code"] == 10000
        one.clock.freeze("2026-01-02T03:04:05Z")
        assert (len(one.orders()), len(other.orders())) == (1, 0)
        assert other.clock.now().year != 2026 or other.clock.now().day != 2


def test_faults_are_added_behind_those_that_are_left_and_cleared(hub: Hub) -> None:
    with hub.sandbox("kakaclo") as shop:
        shop.faults.add("rate_limit", times=2)
        shop.faults.add("error_before", path="/openapi/")
        assert [each["kind"] for each in shop.faults.left()] == ["rate_limit", "error_before"]
        met = shop.client.post("/openapi/v1/order/order", json=ORDER).json()["code"]
        assert met != 10000
        shop.faults.clear()
        assert shop.faults.left() == []
        assert shop.client.post("/openapi/v1/order/order", json=ORDER).json()["code"] == 10000


def test_a_move_of_the_clock_returns_when_what_came_due_is_done(hub: Hub) -> None:
    with hub.sandbox("anqicms") as shop:
        case = golden_cases("anqicms")[0]
        shop.clock.freeze(case.clock or None)
        settings = f"/hub/v1/tenants/{shop.tenant}/settings"
        assert shop.client.patch(settings, json={"auto_close_s": 60}).is_success
        path, body = case.request.path, case.request.body
        assert shop.client.post(path, json=body, params=case.request.query).json()["code"] == 0
        shop.clock.advance(61)
        assert [each["status"] for each in shop.orders()] != ["placed"]
        assert len(shop.events()) == 2


@pytest.mark.parametrize("runs", [False, True])
def test_what_is_due_on_the_way_happens_on_the_way(hub: Hub, *, runs: bool) -> None:
    with hub.sandbox("anqicms") as shop:
        begun = (shop.clock.run if runs else shop.clock.freeze)("2024-02-29T04:59:59Z")
        settings = f"/hub/v1/tenants/{shop.tenant}/settings"
        assert shop.client.patch(settings, json={"auto_close_s": 60}).is_success
        request = golden_cases("anqicms")[0].request
        assert shop.client.post(request.path, json=request.body).json()["code"] == 0
        shop.clock.advance(timedelta(days=1))
        placed, cancelled = (
            datetime.fromisoformat(each["occurred_at"])
            for each in shop.events()
            if each["kind"] in ("order.placed", "order.cancelled")
        )
        assert cancelled - placed == timedelta(seconds=60)
        assert placed - begun < timedelta(minutes=1)
        (order,) = shop.orders()
        assert datetime.fromisoformat(order["updated_at"]) == cancelled


def test_a_clock_jumps_by_whole_seconds_and_says_so(hub: Hub) -> None:
    with hub.sandbox("kakaclo") as shop:
        begun = shop.clock.freeze("2026-01-02T03:04:05Z")
        assert shop.clock.advance(timedelta(minutes=1)) - begun == timedelta(seconds=60)
        for part in (timedelta(milliseconds=500), timedelta(seconds=1, microseconds=1)):
            with pytest.raises(ValueError, match="whole seconds"):
                shop.clock.advance(part)
        assert shop.clock.now() - begun == timedelta(seconds=60)


def test_orders_are_told_oldest_first(hub: Hub) -> None:
    with hub.sandbox("kakaclo") as shop:
        placed = [
            str(shop.client.post("/openapi/v1/order/order", json=ORDER).json()["data"])
            for _ in range(3)
        ]
        assert [each["number"] for each in shop.orders()] == placed


def test_a_sandbox_may_be_removed_twice_and_never_hides_what_went_wrong(hub: Hub) -> None:
    with hub.sandbox("mews") as shop:
        shop.remove()
        shop.remove()
    with pytest.raises(ZeroDivisionError), hub.sandbox("mews") as shop:  # noqa: PT012
        operator = {"Authorization": f"Bearer {hub.operator_token}"}
        gone = http.request(
            "DELETE", f"{hub.base_url}/hub/v1/sandboxes/{shop.tenant}", headers=operator
        )
        assert gone.status_code == 204
        raise ZeroDivisionError


def test_what_is_refused_says_so(hub: Hub) -> None:
    with pytest.raises(ValueError, match="magento is none of anqicms"):
        hub.sandbox("magento")
    with hub.sandbox("kakaclo") as shop:
        with pytest.raises(HubRefused, match="no snapshot nothing") as refused:
            shop.restore("nothing")
        assert refused.value.status == 404


@pytest.mark.parametrize("name", ["feature%2Fx", "q?x=1"])
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with running_hub(tmp_path / name) as hub:
        assert http.get(f"{hub.base_url}/health/ready").is_success
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_a_hub_leaves_nothing_behind_and_a_folder_of_ones_own_stays(tmp_path: Path) -> None:
    with running_hub(tmp_path) as hub:
        url = hub.base_url
        hub.sandbox("mews")
        assert http.get(f"{url}/health/ready").is_success
    with pytest.raises(httpx.ConnectError):
        http.get(f"{url}/health/ready")
    assert (tmp_path / "hub.sqlite").exists()
    with pytest.raises(FileExistsError), running_hub(tmp_path):
        pass
