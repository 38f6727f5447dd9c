"""The address alone: a page for browsers, an index for programs; every link of both leads somewhere."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.hub import running_hub
from tests.web.desk.browser import Browser
from tests.web.hub_client import AS_OPERATOR


async def test_a_browser_is_led_to_desk_and_docs(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = Browser(hub)
        answer = await browser.get("/")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["vary"] == "Accept"
        for told in ("The desk", "The documentation", "orderhub user add", "curl -s"):
            assert told in browser.text, told
        for path in re.findall(r'<a [^>]*href="(/[^"]*)"', browser.page):
            assert (await browser.client.get(path)).status_code in (200, 303), path
        await browser.get("/?language=zh_Hans_CN")
        assert "文档" in browser.text


@pytest.mark.parametrize("accept", ["*/*", "application/json", ""])
async def test_others_get_an_index(tmp_path: Path, accept: str) -> None:
    async with running_hub(tmp_path) as hub:
        answer = await hub.get("/", headers={"accept": accept})
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        assert "set-cookie" not in answer.headers
        index = answer.json()
        assert {"hub", "anqicms", "mews"} <= set(index["apis"])
        links = [index["desk"], index["docs"], index["health"], index["metrics"]]
        for link in (*links, *index["apis"].values()):
            found = await hub.get(urlsplit(link).path, headers=AS_OPERATOR)
            assert found.status_code in (200, 303), link
