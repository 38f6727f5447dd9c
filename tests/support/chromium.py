"""The browser that `make browser` drives: the system's own Chromium, never one that Playwright brings."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def chromium() -> str:
    """Its path: what ORDERHUB_CHROMIUM names, or the first that is installed; empty = there is none."""
    named = os.environ.get("ORDERHUB_CHROMIUM", "")
    if named:
        return named if Path(named).is_file() else ""
    return next((found for name in NAMES if (found := shutil.which(name))), "")


@contextmanager
def browser(path: str) -> Iterator[Browser]:
    """One browser without a window. Nothing of its own calls home."""
    quiet = ["--disable-background-networking", "--disable-component-update", "--no-first-run"]
    # Glyphs are drawn alike on every machine, so that pictures differ as little as may be.
    alike = ["--font-render-hinting=none", "--force-color-profile=srgb", "--hide-scrollbars"]
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=[*quiet, *alike])
        try:
            yield opened
        finally:
            opened.close()
