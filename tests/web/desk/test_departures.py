"""Departures at the desk: the next days with their seats, from any day on."""

import re
from pathlib import Path

from tests.support.hub import running_hub
from tests.web.desk.browser import signed_in

TOUR = 102202692
_DAY = re.compile(r'<time datetime="(2019-[\d-]+)">')


async def test_the_next_days_have_their_seats(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub, "tours")
        await browser.get("/desk/departures")
        days = _DAY.findall(browser.page)
        assert days == sorted(days)
        assert days[0] == "2019-01-02"
        assert days[-1] == "2019-01-31"
        assert len(days) == 60  # two tours, both daily
        await browser.get(f"/desk/departures?tour={TOUR}&since=2019-03-30")
        assert _DAY.findall(browser.page) == ["2019-03-30", "2019-03-31"]
        assert "Mar 30, 2019 to " in browser.text
        assert "Sat, Mar 30, 2019" in browser.text
        assert " 40 0 " in browser.text
        pool = re.search(r'href="(/desk/stock/pool[^"]*)"', browser.page)
        assert pool
        await browser.get(pool[1].replace("&amp;", "&"))
        assert "Counted 40 Sold 0 Held of these until they are paid 0 Available 40" in browser.text


async def test_a_day_that_is_none_is_today_and_none_leaves_elsewhere(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub, "tours")
        for odd in ("since=x", "since=0001-01-01", "since=9999-12-31", "tour=x", "after=x"):
            await browser.get(f"/desk/departures?{odd}")
            assert "2019-01-02" in browser.page, odd
        for none in (f"tour={TOUR}&since=2019-04-01", "tour=1"):
            await browser.get(f"/desk/departures?{none}")
            assert "No tour leaves on these days." in browser.text
        cdp = await signed_in(hub, "cdp")
        await cdp.get("/desk/departures")
        assert "No tour leaves on these days." in cdp.text


async def test_departures_as_a_file(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub, "tours")
        answer = await browser.get(f"/desk/departures?tour={TOUR}&since=2019-03-31&as=csv")
        lines = answer.text.splitlines()
        assert lines[0].endswith(
            "day,product_id,code,title,min_persons,seats_counted,seats_sold,seats_available,rooms_available"
        )
        assert lines[1].startswith(f"2019-03-31,{TOUR},")
        assert lines[1].endswith(",40,0,40,")
