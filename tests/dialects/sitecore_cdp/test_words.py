"""Every error in the vendor's envelope, through HTTP; and the tables behind them are total."""

import asyncio
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderhub.core.access import Credential
from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.contract import Call, Caller, Fault, FaultKind
from orderhub.dialects.sitecore_cdp import DIALECT
from orderhub.dialects.sitecore_cdp.access import client_key
from orderhub.dialects.sitecore_cdp.kinds import STATUSES
from orderhub.dialects.sitecore_cdp.words import duplicate_words, natural_key
from tests.dialects.sitecore_cdp.cdp import FULL, LOGIN, ORDER, UNKNOWN, an_order, open_cdp
from tests.support.examples import examples

ORDERS = "/v2.1/orders"
UNAUTHORIZED = {
    "status": "UNAUTHORIZED",
    "code": 401,
    "message": "Authentication credentials are required to access the resource. "
    "All requests must be authenticated.",
    "moreInfoUrl": "https://support.sitecore.com",
}


@pytest.fixture(scope="module")
async def cdp(tmp_path_factory):
    limits = {"max_body_bytes": 100_000, "rate_limits": True}
    async with open_cdp(tmp_path_factory.mktemp("errors"), **limits) as opened:
        yield opened


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Basic",
        "Basic !!!",
        "Basic ZGVtby1jZHA=",  # demo-cdp without a token
        "Basic ZGVtby1jZHA6d3Jvbmc=",  # demo-cdp:wrong
        "Basic /////w==",
        "Bearer demo-cdp-secret",
        "Digest x",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_nobody_we_know(cdp, authorization, method):
    headers = {"authorization": authorization} if authorization else {}
    answer = await cdp.call(method, ORDERS, ORDER, headers=headers, auth=None)
    assert answer.status_code == 401
    assert answer.json() == UNAUTHORIZED
    assert answer.headers["www-authenticate"].startswith("Basic")


FAULTY = [
    ({}, "currencyCode: may not be null. orderedAt: may not be null. price: may not be null. ref"),
    ({**ORDER, "orderedAt": None}, "orderedAt: may not be null."),
    ({**FULL, "status": "PARTIALLY_CONFIRMED"}, f"status: must be one of {', '.join(STATUSES)}."),
    ({**FULL, "status": "purchased", "channel": "web"}, "channel: must be one of WEB,"),
    ({**FULL, "price": "50 EUR", "currencyCode": 1}, "currencyCode: must be a string. price: must be"),
    ({**FULL, "price": True}, "price: must be a number."),
    ({**FULL, "currencyCode": "eur"}, "currencyCode: must be an upper case ISO 4217"),
    ({**FULL, "referenceId": " "}, "referenceId: may not be empty."),
    ({**FULL, "referenceId": True}, "referenceId: must be a string."),
    ({**FULL, "referenceId": "x" * 256}, "referenceId: length must be between 0 and 255."),
    ({**FULL, "orderedAt": "2024-13-01T00:00:00Z"}, "orderedAt: must be an ISO 8601"),
    ({**FULL, "orderedAt": "2024-01-01"}, "orderedAt: must be an ISO 8601"),
    ({**FULL, "orderedAt": "0001-01-01T00:00:00+14:00"}, "orderedAt: must be an ISO 8601"),
    ({**FULL, "orderedAt": 1704125836000}, "orderedAt: must be a string."),
    ({**FULL, "currencyCode": "ZZZ"}, "currencyCode: must be an upper case ISO 4217"),
    ({**FULL, "paymentType": {}}, "paymentType: must be a string."),
    ({**FULL, "price": 10**12}, "price: numeric value out of bounds"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "message"), FAULTY)
async def test_a_body_of_the_wrong_shape(cdp, body, message):
    assert (await cdp.refused(400, "POST", ORDERS, body)).startswith(message)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1]", "null", '"x"', "[" * 5000, '{"a":"\\u0000"}', '{"price":1e999999999}', "\xff"],
)
async def test_a_body_that_cannot_be_read(cdp, text):
    headers = {"content-type": "application/json"}
    content = text.encode("latin-1")
    message = await cdp.refused(400, "POST", ORDERS, content=content, headers=headers)
    assert message == "The request body could not be read as JSON."


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("referenceId=%00", "referenceId: U+0000 is not allowed."),
        ("limit=1&guestRef=a%00b", "guestRef: U+0000 is not allowed."),
        ("a=%00&b=%00", "a: U+0000 is not allowed. b: U+0000 is not allowed."),
    ],
)
async def test_u0000_in_a_query_is_told_by_the_name_of_its_parameter(cdp, query, message):
    assert await cdp.refused(400, "GET", f"{ORDERS}?{query}") == message


async def test_the_other_faults_of_a_call(cdp):
    headers = {"content-type": "application/x-www-form-urlencoded"}
    await cdp.refused(415, "POST", ORDERS, content="a=b", headers=headers)
    await cdp.refused(413, "POST", ORDERS, content=b"x" * 100_001)
    await cdp.refused(404, "GET", "/v2.1/nothing/here")
    await cdp.refused(404, "GET", f"{ORDERS}/{UNKNOWN}")
    await cdp.refused(405, "PUT", ORDERS, ORDER)
    await cdp.refused(400, "POST", ORDERS, an_order(), headers={"idempotency-key": "x" * 300})


async def test_a_tenant_may_set_a_rate_limit(cdp):
    await cdp.hub.settings("cdp", dialects={"sitecore_cdp": {"requests_per_minute": 2}})
    answers = [await cdp.call("GET", f"{ORDERS}/{UNKNOWN}") for _ in range(3)]
    await cdp.hub.settings("cdp", dialects={"sitecore_cdp": {}})
    assert [answer.status_code for answer in answers] == [404, 404, 429]
    assert int(answers[2].headers["retry-after"]) >= 1
    assert answers[2].json()["status"] == 429


def bare_call():
    return Call(hub=None, dialect=DIALECT, method="GET", path="/v2.1/orders")


@pytest.mark.parametrize("kind", FaultKind)
async def test_every_fault_has_words(kind):
    answer = DIALECT.fault(bare_call(), Fault(kind, "why"))
    body = json.loads(answer.body)
    assert body["code"] == answer.status >= 400
    assert body["message"]
    assert body["status"] == ("UNAUTHORIZED" if answer.status == 401 else answer.status)
    if answer.status in {429, 503}:
        assert int(dict(answer.headers)["Retry-After"]) >= 1


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("field", ["", "lines[3].quantity", "what is that"])
async def test_every_refusal_has_words(reason, field):
    answer = DIALECT.refusal(bare_call(), Rejected(reason, field, "detail"))
    body = json.loads(answer.body)
    assert body["status"] == body["code"] == answer.status
    assert 400 <= answer.status < 500
    assert "detail" not in body["message"]


# --- garbage

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
    | st.sampled_from(["2024-01-01T16:17:16Z", "EUR", "WEB", "PURCHASED", "customer", UNKNOWN])
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["href", "items", "provider", "id", "a", "B_"]), inner)
    ),
    max_leaves=6,
)
NAMES = st.sampled_from(
    [*FULL, "name", "quantity", "productId", "emails", "identifiers", "gender", "dateOfBirth",
     "street", "guest", "orderItems", "guestType", "checksum", "size", "key", "promotion"]
)  # fmt: skip
GARBAGE = VALUES | st.dictionaries(NAMES, VALUES, max_size=8)


@pytest.fixture(scope="module")
async def targets(cdp):
    """A call of every kind that takes a body."""
    order = await cdp.order()
    item = await cdp.made("POST", f"{ORDERS}/{order['ref']}/orderItems", {"price": 1})
    contact = await cdp.made("POST", f"{ORDERS}/{order['ref']}/contacts", {})
    consumer = await cdp.made("POST", f"{ORDERS}/{order['ref']}/consumers", {})
    guest = await cdp.made("POST", "/v2.1/guests", {"guestType": "visitor"})
    changed = [each["href"] for each in (order, item, contact, consumer, guest)]
    return [
        ("POST", ORDERS),
        *((method, href) for href in changed for method in ("PUT", "PATCH")),
        *(("POST", f"{order['href']}/{part}") for part in ("orderItems", "extensions/ext")),
        ("PATCH", f"{item['href']}/extensions/ext"),
        ("POST", f"{item['href']}/extensions/ext"),
        ("PUT", f"/v2/batches/{UNKNOWN}"),
        ("POST", "/v2.1/guests"),
    ]


async def test_garbage_is_refused_and_never_breaks_the_hub(cdp, targets, fuzz_examples):
    loop = asyncio.get_running_loop()

    turns = itertools.cycle(range(3))

    async def tried(body):
        for method, href in targets[next(turns) :: 3]:
            answer = await cdp.call(method, href, content=body, auth=LOGIN)
            assert answer.status_code < 500, (method, href, body, answer.text)
            if answer.status_code >= 400:
                assert answer.json()["code"] == answer.status_code

    @examples(fuzz_examples)
    @given(GARBAGE)
    def run(body):
        text = json.dumps(body).encode()
        asyncio.run_coroutine_threadsafe(tried(text), loop).result(60)

    await asyncio.to_thread(run)


def test_a_client_key_with_colons_is_told_in_a_duplicate():
    credential = Credential(id="a:b", kind="hub", name="", tenant_id=1, scopes=("dialects",))
    for acts_as in ("", "key:with:colons"):
        caller = Caller(credential=credential, tenant_id=1, acts_as=acts_as)
        key = natural_key(client_key(caller), 1_088_005_747_000_000, "AAA:9999")
        assert duplicate_words(key) == (
            "Order with ref AAA:9999 and orderedAt Wed Jun 23 15:49:07 UTC 2004 "
            f"for client key {(acts_as or 'a:b').replace(':', '_')} already exist"
        )
