"""A real `orderhub demo`, and the system's Chromium to look at it with."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.support import http
from tests.support.chromium import browser as opened_browser
from tests.support.chromium import chromium
from tests.support.desk import OPERATOR, OWNER, Desk, window
from tests.support.hub_process import LIMIT_S, PROGRAM, Served, environment, wait_for

Windows = Callable[..., Desk]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("demo")
    log = folder / "log"
    words = [*PROGRAM, "demo", "--port", "0", "--data", str(folder / "data")]
    with log.open("wb") as out:
        process = subprocess.Popen(words, stdout=out, stderr=out, env=environment())
    try:
        url = wait_for(lambda: _address(process, log), "the demo's address")
        yield Served(process, log, url)
    finally:
        process.terminate()
        process.wait(LIMIT_S)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    assert process.poll() is None, log.read_text()
    told = re.search(r" demo on (http://\S+)", log.read_text())
    is_ready = told and http.get(f"{told[1]}/health/ready").status_code == 200
    return told[1] if told and is_ready else ""


@pytest.fixture(scope="session")
def chrome() -> Iterator[Browser]:
    path = chromium()
    if not path:
        pytest.skip("browser: not run (no Chromium is installed; `make browser` says how)")
    with opened_browser(path) as opened:
        yield opened


@pytest.fixture(scope="session")
def cookies(chrome: Browser, demo: Served) -> dict[str, Any]:
    """Signed in once each: a fresh window goes on with what they keep."""
    kept = {}
    for email in (OWNER, OPERATOR):
        with window(chrome, demo.url) as desk:
            desk.sign_in(email)
            if email == OPERATOR:
                look_at(desk, "omni")
            kept[email] = desk.context.storage_state()
    return kept


def look_at(desk: Desk, tenant: str) -> None:
    desk.page.click("details.who > summary")
    desk.page.select_option("details.who select[name=tenant]", tenant)
    with desk.page.expect_navigation():
        desk.page.click("details.who form[action='/desk/tenant'] button")


@pytest.fixture
def open_window(chrome: Browser, demo: Served, cookies: dict[str, Any]) -> Iterator[Windows]:
    """`open_window(email)` is somebody signed in, `open_window("")` is nobody; more are options of the window."""
    with ExitStack() as stack:

        def opened(email: str = OWNER, **options: Any) -> Desk:
            state = {"storage_state": cookies[email]} if email else {}
            return stack.enter_context(window(chrome, demo.url, **state, **options))

        yield opened


@pytest.fixture
def desk(open_window: Windows) -> Desk:
    return open_window()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--pictures", action="store_true", help="the guides' pictures of the desk are made anew"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Pictures first: they show the demo's month as it is, without what the tests sell."""
    items.sort(key=lambda item: item.path.name != "test_pictures.py")
