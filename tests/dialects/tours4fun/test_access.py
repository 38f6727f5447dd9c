"""Who may call: signatures over the very bytes, the time window, and the state of the app."""

import json
import time

import pytest
from msgspec.structs import replace

from orderhub.dialects.tours4fun.access import sign
from tests.dialects.tours4fun.shop import HUB_TOKEN, ORDER, code, open_shop, post

LIST, PAGE = "/v2/order/list", {"page": 1}


@pytest.fixture(scope="module")
async def hub(tmp_path_factory):
    async with open_shop(tmp_path_factory.mktemp("access"), rate_limits=True) as opened:
        yield opened


async def test_the_vector_of_the_facts():
    signed = sign("your_app_key", "1547636400", "your_app_secret", b'{"product_id":1234}')
    assert signed == "4a0616ccb16df232fd7798eba8f99a70"


@pytest.mark.parametrize("lost", ["appkey", "t", "sign"])
async def test_a_system_parameter_is_missing(hub, lost):
    assert await code(hub, LIST, PAGE, **{lost: "-"}) == 10001
    assert await code(hub, LIST, PAGE, **{lost: ""}) == 10001


@pytest.mark.parametrize("wrong", ["x", "0" * 32, "é" * 32])
async def test_a_wrong_signature(hub, wrong):
    assert await code(hub, LIST, PAGE, sign=wrong) == 10001


async def test_a_signature_in_capitals_passes(hub):
    t = str(int(time.time()))
    capitals = sign("demo-tours", t, "demo-tours-secret", b"{}").upper()
    assert (await post(hub, "/ttd/rate", b"{}", t=t, sign=capitals)).json()["code"] == 0


@pytest.mark.parametrize(
    ("off_s", "expected"), [(0, 0), (590, 0), (-590, 0), (610, 10001), (-610, 10001)]
)
async def test_ten_minutes_either_way(hub, off_s, expected):
    assert await code(hub, LIST, PAGE, t=str(int(time.time()) + off_s)) == expected


async def test_the_ten_minutes_are_counted_in_whole_seconds(hub, monkeypatch):
    now = int(time.time())
    monkeypatch.setattr(time, "time_ns", lambda: now * 10**9 + 999_999_999)
    for off_s, expected in ((-600, 0), (600, 0), (-601, 10001), (601, 10001)):
        assert await code(hub, LIST, PAGE, t=str(now + off_s)) == expected, off_s


@pytest.mark.parametrize("t", ["now", "-5", "1.5", "9" * 30, "²"])
async def test_a_time_that_is_none(hub, t):
    assert await code(hub, LIST, PAGE, t=t) == 10001


@pytest.mark.parametrize(
    ("appkey", "expected"),
    [
        ("nobody", 10004),
        ("sleeping", 10003),
        ("blocked", 10006),
        ("banned-client", 10006),
        ("reader", 0),
        ("omni-tours", 0),
    ],
)
async def test_the_state_of_the_app(hub, appkey, expected):
    assert await code(hub, LIST, PAGE, appkey=appkey) == expected


async def test_a_credential_switched_off_is_not_activated(hub):
    ledger = hub.hub.ledger
    credential = ledger.read(lambda reads: reads.credential("tours4fun", "own"))
    ledger.put_credential(replace(credential, enabled=False))
    assert await code(hub, LIST, PAGE, appkey="own") == 10003
    ledger.put_credential(credential)


async def test_an_app_may_call_only_what_it_was_granted(hub):
    assert await code(hub, "/v2/order/add", ORDER, appkey="reader") == 10005


async def test_the_call_limit_of_an_app(hub):
    answers = [await post(hub, LIST, PAGE, appkey="slow") for _ in range(3)]
    assert [each.json()["code"] for each in answers] == [0, 0, 10002]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert await code(hub, LIST, PAGE) == 0


async def test_the_call_limit_of_a_tenant(hub):
    await hub.settings("tours", dialects={"tours4fun": {"rate_limit": 1}})
    try:
        assert 10002 in [await code(hub, LIST, PAGE, appkey="wordy") for _ in range(3)]
    finally:
        await hub.settings("tours", dialects={"tours4fun": {}})


async def test_the_body_is_signed_as_php_writes_it(hub):
    body = json.dumps({**ORDER, "departure_address": "广场/B口"}).replace("/", "\\/").encode()
    assert b"\\u5e7f" in body
    assert b"\\/" in body
    assert await code(hub, "/v2/order/add", body) == 0


async def test_one_changed_byte_breaks_the_signature(hub):
    t = str(int(time.time()))
    signed = sign("demo-tours", t, "demo-tours-secret", b'{"page":1}')
    assert await code(hub, LIST, b'{"page": 1}', t=t, sign=signed) == 10001


async def test_the_hubs_own_token_opens_the_door_without_a_signature(hub):
    assert (await hub.post(LIST, PAGE, headers=HUB_TOKEN)).json()["code"] == 0
    wrong = {"Authorization": "Bearer hub-demo-nobody"}
    assert (await hub.post(LIST, PAGE, headers=wrong)).json()["code"] == 10001


async def test_the_language_is_taken_in_every_spelling(hub):
    for lang in ("cn", "en", "es", "zh_cn", "zh_tw", "xx"):
        assert await code(hub, LIST, PAGE, lang=lang) == 0
