"""Six pages as README and the guide show them. `make browser ARGS=--pictures` puts them there; each run makes them."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.support.desk import DESKTOP, PHONE, Desk

GUIDES = Path(__file__).resolve().parents[2] / "docs"
QUALITY = 72


def taken(desk: Desk, file: Path) -> None:
    """What the window shows, as WebP: a tenth of what PNG takes, and drawn by the browser itself."""
    desk.page.evaluate("document.fonts.ready")
    session = desk.context.new_cdp_session(desk.page)
    options = {"format": "webp", "quality": QUALITY}
    file.write_bytes(base64.b64decode(session.send("Page.captureScreenshot", options)["data"]))


def first_of(desk: Desk, status: str) -> str:
    """The page of the newest order of the demo's dropshipping in this status: with parcels and an address."""
    page = desk.open(f"/desk/orders?status={status}&channel=kakaclo")
    found = page.locator("main table a").first.get_attribute("href")
    assert found
    return found


def test_six_pages_are_pictured(open_window, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    folder = GUIDES if pytestconfig.getoption("--pictures") else tmp_path
    desk = open_window(viewport=DESKTOP)
    order = first_of(desk, "shipped")
    pages = {"orders": "/desk/orders", "overview": "/desk/overview", "order": order}
    pages |= {"stock": "/desk/stock"}
    for name, path in pages.items():
        desk.open(path)
        taken(desk, folder / f"desk-{name}.webp")
    desk.page.emulate_media(color_scheme="dark")
    desk.open("/desk/overview")
    taken(desk, folder / "desk-dark.webp")
    phone = open_window(viewport=PHONE, device_scale_factor=1)
    phone.open("/desk/orders")
    taken(phone, folder / "desk-phone.webp")
    made = sorted(folder.glob("desk-*.webp"))
    assert len(made) == 6
    assert all(each.read_bytes()[8:12] == b"WEBP" for each in made)
    assert sum(each.stat().st_size for each in made) < 600_000
