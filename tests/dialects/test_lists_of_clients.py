"""A list proves what is not there: one that is not there itself proves nothing, whichever client reads it."""

from typing import Any

import pytest

from orderhub.dialects.client import Answer, Ask, Doubt, Found, Listed, Placed, Refused, Told
from tests.support.clients import ACCOUNT, JOBS, NOW_S, SPAN, answer, client_of, link_of

THERE = {"mews": Placed(ACCOUNT), "sitecore_cdp": Placed(ACCOUNT)}
# An empty list of each vendor's, whatever is listed.
EMPTY: dict[str, dict[str, Any]] = {
    "anqicms": {"code": 0, "data": [], "total": 0},
    "kakaclo": {"code": 10000, "message": "success", "data": {"list": [], "total": 0}},
    "mews": {"OrderItems": [], "Services": [], "Products": [], "Cursor": None},
    "sitecore_cdp": {"items": []},
    "tours4fun": {"code": 0, "msg": "", "data": {"order_list": [], "products": []}},
}
# Answers of success without a list.
NO_LISTS: dict[str, list[Any]] = {
    "anqicms": [{"code": 0}, {"code": 0, "data": None}, {"code": 0, "data": {}}],
    "kakaclo": [
        {"code": 10000, "message": "success"},
        {"code": 10000, "data": None},
        {"code": 10000, "data": {"list": None, "total": 5}},
        {"code": 10000, "data": {"list": [None], "total": 1}},
        {"code": 10000, "data": {"list": [], "total": 5}},
    ],
    "mews": [b"<html>maintenance</html>", b"", {}, [], {"OrderItems": None}],
    "sitecore_cdp": [b"<html>maintenance</html>", b"", {}, {"items": {}}],
    "tours4fun": [{"code": 0}, {"code": 0, "data": []}, {"code": 0, "data": {"order_list": {}}}],
}


def talks_of(name: str) -> list[tuple[str, tuple[Any, ...]]]:
    """The talks that begin with a list."""
    there, wanted = THERE.get(name, Placed("11")), JOBS[name]
    talks: list[tuple[str, tuple[Any, ...]]] = [("find", (wanted, SPAN))]
    if name in ("kakaclo", "mews"):
        talks += [
            ("items", ()),
            ("news", (SPAN, ())),
            ("news", (SPAN, (there,))),
            ("cancel", (wanted, there, {})),
        ]
    if name == "tours4fun":
        talks.append(("items", ()))
    if name == "sitecore_cdp":
        talks.append(("finish", (wanted, there)))
    return talks


CASES = [
    (name, talk, args, said)
    for name, bodies in NO_LISTS.items()
    for talk, args in talks_of(name)
    for said in bodies
]


@pytest.mark.parametrize(("name", "talk", "args", "said"), CASES)
def test_an_answer_without_its_list_is_a_doubt(name, talk, args, said):
    end = getattr(client_of(name), talk)(link_of(name), *args, (answer(200, said),))
    assert isinstance(end, Doubt), end


@pytest.mark.parametrize("name", EMPTY)
def test_a_page_of_maintenance_is_no_vendor_that_works(name):
    for said in (b"<html>maintenance</html>", NO_LISTS[name][0]):
        assert isinstance(client_of(name).probe(link_of(name), (answer(200, said),)), Doubt)


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_list_proves_that_nothing_is_there(name):
    client, link, nothing = client_of(name), link_of(name), answer(200, EMPTY[name])
    assert client.find(link, JOBS[name], SPAN, (nothing,)) == Found()
    if client.has("items"):
        assert client.items(link, (nothing,) * 2) == Listed(())
    if client.tells_windows:
        assert client.news(link, SPAN, (), (nothing,)) == Told()
    if name == "kakaclo":
        gone = client.cancel(link, JOBS[name], Placed("11"), {}, (nothing,))
        assert gone == Refused("the vendor has no order 11")


def pages(name: str, *counts: int, **more: Any) -> tuple[Answer, ...]:
    """Pages of orders that are none of ours."""
    local = "2026-01-01 08:00:00"  # now, where the tours' vendor is
    made = {"order_id": "1", "created_time": NOW_S, "created_at": local, "updated_at": local}
    bodies = [[made] * count for count in counts]
    if name == "kakaclo":
        return tuple(
            answer(200, {"code": 10000, "data": {"list": each, **more}}) for each in bodies
        )
    if name == "tours4fun":
        return tuple(
            answer(200, {"code": 0, "data": {"order_list": each, **more}}) for each in bodies
        )
    return tuple(answer(200, {"code": 0, "data": each, **more}) for each in bodies)


@pytest.mark.parametrize("name", ["anqicms", "kakaclo", "tours4fun"])
def test_a_list_ends_with_its_total_or_else_with_a_page_that_is_not_full(name):
    total = "total_num" if name == "tours4fun" else "total"

    def found(*counts: int, **more: int) -> Any:
        return client_of(name).find(link_of(name), JOBS[name], SPAN, pages(name, *counts, **more))

    assert isinstance(found(50), Ask)
    assert found(50, 49) == Found()
    # A vendor may have shorter pages than it is asked for.
    assert isinstance(found(20, **{total: 21}), Ask)
    assert found(20, 1, **{total: 21}) == Found()
    assert found(50, **{total: 50}) == Found()


def test_a_redirect_behind_what_was_sent_is_no_clear_answer():
    """It may lead to what was made, as after any form."""
    for name in JOBS:
        for status in (301, 302, 303):
            reply = answer(status, b"", location="/orders/17")
            end = client_of(name).place(link_of(name), JOBS[name], (reply,))
            assert isinstance(end, Doubt), (name, status, end)


def test_a_booking_that_is_not_shown_is_not_called_off():
    shown = answer(200, {"code": 0, "data": []})
    client, link, there = client_of("tours4fun"), link_of("tours4fun"), Placed("7")
    assert isinstance(client.cancel(link, JOBS["tours4fun"], there, {}, (shown,)), Doubt)
    assert client.news(link, SPAN, (there,), (shown,)) == Told()


def test_who_bought_is_not_told_twice_where_an_order_is_not_shown():
    client, link = client_of("sitecore_cdp"), link_of("sitecore_cdp")
    wanted, there = JOBS["sitecore_cdp"], THERE["sitecore_cdp"]
    items = answer(200, {"items": [{"referenceId": f"{wanted.order.number}-1"}]})
    step = client.finish(link, wanted, there, (items,))
    assert isinstance(step, Ask)
    assert step.request.path == f"/v2.1/orders/{ACCOUNT}"
    assert isinstance(client.finish(link, wanted, there, (items, answer(200, b"<html>"))), Doubt)


def test_a_window_with_too_much_in_it_is_known_to_be_too_long() -> None:
    """By its total at once, else at the last page that is read."""
    client, link = client_of("kakaclo"), link_of("kakaclo")
    (first,) = pages("kakaclo", 50, total=5_200)
    for end in (
        client.news(link, SPAN, (), (first,)),
        client.news(link, SPAN, (), pages("kakaclo", *[50] * 100)),
    ):
        assert end == Doubt("the list has more than 100 pages", is_long=True)
    row = {"ServiceOrderId": ACCOUNT, "AccountingState": "Canceled"}
    full = answer(200, {"OrderItems": [row] * 100, "Cursor": "on"})
    mews, there = client_of("mews"), link_of("mews")
    assert mews.news(there, SPAN, (), (full,) * 100) == Doubt(
        "the list has more than 100 pages", is_long=True
    )


def test_the_beginning_of_a_long_list_of_things_is_enough() -> None:
    client, link = client_of("kakaclo"), link_of("kakaclo")
    said = {"code": 10000, "data": {"list": [{"skuDetails": [{"sku": "S"}]}], "total": 9_999}}
    end = client.items(link, (answer(200, said),) * 100)
    assert isinstance(end, Listed)
    assert len(end.items) == 100
