"""Tours4Fun's own signing sample, run by PHP: what its `json_encode` writes is signed, sent, and understood."""

import base64
import shutil
import subprocess

import pytest

from tests.dialects.tours4fun.shop import DAY, open_shop

pytestmark = [
    pytest.mark.skipif(shutil.which("php") is None, reason="php is not installed"),
]
# The vendor's sample with our body, our flags, and its "Do http request ..." as a line to read.
SAMPLE = r"""
$app_key = 'demo-tours';
$app_secret = 'demo-tours-secret';
$t = time();
$http_body = %s;
$flags = %s;
$sign = md5( $app_key . $t . $app_secret . json_encode($http_body, $flags) );
echo $t, "\n", $sign, "\n", base64_encode(json_encode($http_body, $flags));
"""
ORDER = r"""array(
    'product_id' => 102202692,
    'departure_date' => '%s',
    'departure_address' => "Gate B/2 \u{5e7f}\u{573a} \u{1f68c} <b>\"quoted\"</b> & 'so'",
    'upgrades' => array('30100' => array('30577')),
    'rooms' => array(array('adult' => 2, 'kid' => 0, 'single_pairup' => 0)),
    'tickets' => array(),
    'contact' => array('first_name' => 'a', 'last_name' => 'b', 'mobile' => '1', 'email' => '2@q.q'),
    'guest_info' => array(
        array('type' => 'adult', 'firstname_en' => 'ghghg', 'mobile' => '86-6767'),
        array('type' => 'child', 'firstname_en' => 'oooo', 'mobile' => '13800138000'),
    ),
)"""
FLAGS = [
    "0",
    "JSON_UNESCAPED_SLASHES",
    "JSON_UNESCAPED_UNICODE",
    "JSON_PRETTY_PRINT",
    "JSON_NUMERIC_CHECK",
    "JSON_PRESERVE_ZERO_FRACTION",
    "JSON_HEX_TAG | JSON_HEX_AMP | JSON_HEX_APOS | JSON_HEX_QUOT",
    "JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_LINE_TERMINATORS",
    "JSON_PRETTY_PRINT | JSON_NUMERIC_CHECK | JSON_UNESCAPED_UNICODE",
]


@pytest.fixture(scope="module")
async def hub(tmp_path_factory):
    async with open_shop(tmp_path_factory.mktemp("php")) as opened:
        yield opened


def signed(body, flags="0"):
    """(query, the bytes of the body) as the sample makes them."""
    done = subprocess.run(
        ["php", "-r", SAMPLE % (body, flags)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    t, sign, encoded = done.stdout.split("\n")
    return {"appkey": "demo-tours", "t": t, "sign": sign}, base64.b64decode(encoded)


async def sent(hub, path, query, body):
    headers = {"Content-Type": "application/json; charset=utf-8"}
    return (await hub.request("POST", path, content=body, params=query, headers=headers)).json()


@pytest.mark.parametrize("flags", FLAGS)
async def test_what_php_signs_is_ordered(hub, flags):
    query, body = signed(ORDER % DAY, flags)
    answer = await sent(hub, "/v2/order/add", query, body)
    assert answer["code"] == 0, (answer, body)
    order_id = answer["data"]["order_id"]
    query, body = signed(f"array('order_id' => '{order_id}')", flags)
    shown = (await sent(hub, "/v2/order/detail", query, body))["data"]["product_list"][0]
    assert shown["departure_address"] == "Gate B/2 广场 🚌 <b>\"quoted\"</b> & 'so'"
    assert [str(each["mobile"]) for each in shown["guest"]] == ["86-6767", "13800138000"]
    cancelled = await sent(hub, "/v2/order/cancel", query, body)
    assert cancelled["code"] == 0


async def test_the_sample_of_the_vendors_page_is_signed_as_it_says(hub):
    query, body = signed("array('product_id' => 1234)")
    assert body == b'{"product_id":1234}'
    assert (await sent(hub, "/v2/product/availabilities", query, body))["code"] == 20002
    assert (await sent(hub, "/v2/product/availabilities", query, body + b" "))["code"] == 10001


async def test_an_empty_array_of_php_is_an_empty_object(hub):
    query, body = signed("array()")
    assert body == b"[]"
    assert (await sent(hub, "/ttd/rate", query, body))["code"] == 0
