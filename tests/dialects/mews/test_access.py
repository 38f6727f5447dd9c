"""Transport and tokens: paths, envelopes, portfolio tokens, limits."""

import pytest

from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.contract import Call, FaultKind
from orderhub.dialects.mews import DIALECT
from orderhub.dialects.mews.demo import CHAIN, OMNI_CHAIN
from orderhub.dialects.mews.routes import ROUTES
from orderhub.dialects.mews.words import FAULTS, REFUSALS, parameter
from tests.dialects.mews.hotel import (
    ACCOUNT,
    ENTERPRISE,
    ORDER,
    PAGE,
    SERVICE,
    TOKENS,
    hotel,
)

ADD = "/api/connector/v1/orders/add"
JUNK = (None, True, -1, 1.5, 1e30, "", "\U0001f600", [None], {"": [{}]})
OMNI_ENTERPRISE = "00000000-0000-4000-8000-000000000903"


@pytest.fixture(scope="module")
async def shared(tmp_path_factory):
    async with hotel(tmp_path_factory.mktemp("hub")) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", ADD + "/"),
        ("POST", ADD.lower().replace("orders", "Orders")),
        ("POST", "/api/connector/v1/orderitems/getall"),
        ("POST", "/api/connector/v1/nothing/here"),
        ("GET", ADD),
        ("PUT", ADD),
        ("DELETE", ADD),
    ],
)
async def test_another_path_or_method_is_not_found(shared, method, path):
    answer = await shared.hub.request(method, path)
    assert answer.status_code == 404
    assert answer.json() == {
        "Message": "Not found",
        "RequestId": answer.headers["request-id"],
    }


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"a": 1,}', '{"a": "\\u0000"}', "[" * 5000, '{"a": 1e999}']
)
async def test_what_is_no_json_object_is_invalid_json(shared, text):
    answer = await shared.hub.request(
        "POST", ADD, content=text, headers={"content-type": "application/json"}
    )
    assert (answer.status_code, answer.json()["Message"]) == (400, "Invalid JSON")


@pytest.mark.parametrize("name", list(TOKENS))
@pytest.mark.parametrize("value", [None, "", 5, ["x"]])
async def test_a_token_that_is_missing_is_a_malformed_request(shared, name, value):
    body = {**TOKENS, **ORDER, name: value}
    if value is None:
        del body[name]
    answer = await shared.hub.post(ADD, json=body)
    assert (answer.status_code, answer.json()["Message"]) == (400, f"Invalid {name}")


@pytest.mark.parametrize("name", ["ClientToken", "AccessToken"])
async def test_a_wrong_token_is_unauthorized_whatever_the_rest(shared, name):
    for rest in (ORDER, {"ServiceId": 5}):
        answer = await shared.hub.post(ADD, json={**TOKENS, **rest, name: "wrong"})
        assert answer.status_code == 401
        assert answer.json()["Message"] == "Invalid AccessToken"


async def test_a_disabled_integration_or_enterprise_is_unauthorized(tmp_path):
    async with hotel(tmp_path) as client:
        disabled = await client.permit("DISABLED", enabled=False)
        assert (await disabled.refused("orders/add", ORDER))[0] == 401
        await client.settings(dialects={"mews": {"disabled": True}})
        assert (await client.refused("orders/add", ORDER))[0] == 401


async def test_two_hundred_calls_in_thirty_seconds_are_enough(tmp_path):
    async with hotel(tmp_path, rate_limits=True) as client:
        limited = await client.permit("LIMITED", rate_limit=3)
        for _ in range(3):
            await limited.made("currencies/getAll")
        answer = await limited.call("currencies/getAll")
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 30
        usual = await client.permit("USUAL")
        statuses = [(await usual.call("configuration/get")).status_code for _ in range(201)]
        assert statuses == [200] * 200 + [429]
        # The demo's own integration has no limit.
        assert [(await client.call("configuration/get")).status_code for _ in range(5)] == [200] * 5


async def test_a_portfolio_token_names_its_enterprise(tmp_path):
    async with hotel(tmp_path) as client:
        tenants = await client.hub.hub.port.read(lambda reads: reads.tenants())
        reach = tuple(t.id for t in tenants if t.name in ("hotel", "omni"))
        portfolio = await client.permit("PORTFOLIO", tenants=reach)
        without = {name: value for name, value in ORDER.items() if name != "EnterpriseId"}
        assert await portfolio.refused("orders/add", without) == (400, "Invalid EnterpriseId")
        foreign = {**ORDER, "EnterpriseId": SERVICE}
        assert await portfolio.refused("orders/add", foreign) == (400, "Invalid EnterpriseId")
        uid = await portfolio.order(EnterpriseId=ENTERPRISE.upper())
        omni = {**ORDER, "EnterpriseId": OMNI_ENTERPRISE}
        assert await portfolio.refused("orders/add", omni) == (400, "Invalid ServiceId")
        items = await portfolio.items(AccountIds=[ACCOUNT])
        assert {item["ServiceOrderId"] for item in items} == {uid}
        assert await portfolio.items(AccountIds=[ACCOUNT], EnterpriseIds=[OMNI_ENTERPRISE]) == []
        # What an operation does not have says nothing, and none says nothing anywhere.
        for chains in (None, [], [SERVICE]):
            more = {"AccountIds": [ACCOUNT], "ChainIds": chains}
            assert await portfolio.items(**more, EnterpriseIds=[OMNI_ENTERPRISE]) == []
            assert len(await portfolio.items(**more, EnterpriseIds=[ENTERPRISE])) == 2
        both = await portfolio.made("enterprises/getAll", PAGE)
        assert {each["Id"] for each in both["Enterprises"]} == {ENTERPRISE, OMNI_ENTERPRISE}
        one = await portfolio.made("enterprises/getAll", {**PAGE, "EnterpriseIds": [ENTERPRISE]})
        assert [each["Id"] for each in one["Enterprises"]] == [ENTERPRISE]
        out = {**PAGE, "EnterpriseIds": [SERVICE]}
        assert await portfolio.refused("enterprises/getAll", out) == (400, "Invalid EnterpriseIds")
        junk = {**PAGE, "EnterpriseIds": [5]}
        for operation in ("enterprises/getAll", "taxations/getAll"):
            refused = await portfolio.refused(operation, junk)
            assert refused == (400, "Invalid EnterpriseIds")
        assert await portfolio.refused("configuration/get") == (400, "Invalid EnterpriseId")
        chosen = await portfolio.made("configuration/get", {"EnterpriseId": OMNI_ENTERPRISE})
        assert chosen["Enterprise"]["Id"] == OMNI_ENTERPRISE
        customer = {"LastName": "Doe", "OverwriteExisting": False}
        assert await portfolio.refused("customers/add", customer) == (400, "Invalid ChainId")
        services, cursor = [], None
        while True:
            page = {"Limitation": {"Count": 1, "Cursor": cursor}}
            listed = await portfolio.made("services/getAll", page)
            services += listed["Services"]
            cursor = listed["Cursor"]
            if cursor is None:
                break
        assert len(services) == 2


async def test_accounts_of_a_portfolio_go_by_their_chain(tmp_path):
    async with hotel(tmp_path) as client:
        tenants = await client.hub.hub.port.read(lambda reads: reads.tenants())
        reach = tuple(t.id for t in tenants if t.name in ("hotel", "omni"))
        portfolio = await client.permit("PORTFOLIO", tenants=reach)
        guest = {"LastName": "Doe", "OverwriteExisting": False, "ChainId": OMNI_CHAIN.upper()}
        assert (await portfolio.made("customers/add", guest))["ChainId"] == OMNI_CHAIN
        company = {"Name": "ACME", "ChainId": CHAIN}
        assert (await portfolio.made("companies/add", company))["Companies"][0]["ChainId"] == CHAIN
        everyone = {**PAGE, "Extent": {"Customers": True}}
        for operation, name, body, counts in (
            ("customers/getAll", "Customers", everyone, {CHAIN: 1, OMNI_CHAIN: 2}),
            ("companies/getAll", "Companies", PAGE, {CHAIN: 1, OMNI_CHAIN: 0}),
        ):
            found = (await portfolio.made(operation, body))[name]
            assert len(found) == sum(counts.values()), operation
            for chain, count in counts.items():
                chosen = {**body, "ChainIds": [chain.upper()]}
                found = (await portfolio.made(operation, chosen))[name]
                assert [each["ChainId"] for each in found] == [chain] * count, operation
            for none in (None, []):
                chosen = {**body, "ChainIds": none, "EnterpriseIds": [ENTERPRISE]}
                found = (await portfolio.made(operation, chosen))[name]
                assert [each["ChainId"] for each in found] == [CHAIN] * counts[CHAIN], operation
            foreign = {**body, "ChainIds": [CHAIN, SERVICE]}
            assert await portfolio.refused(operation, foreign) == (400, "Invalid ChainIds")
            # With a usual token they are ignored.
            usual = (await client.made(operation, foreign))[name]
            assert len(usual) == counts[CHAIN], operation


async def test_an_enterprise_id_with_a_usual_token_is_ignored(shared):
    assert await shared.order(EnterpriseId=SERVICE)
    assert await shared.items(ServiceIds=[SERVICE], EnterpriseIds=[SERVICE])


async def test_a_request_that_is_too_heavy_or_too_large_is_refused(tmp_path):
    async with hotel(tmp_path, max_body_bytes=400_000) as client:
        heavy = {**ORDER, "ProductOrders": [{"ProductId": SERVICE}] * 4001}
        answer = await client.call("orders/add", heavy)
        assert (answer.status_code, answer.json()["Message"]) == (408, "The request is too heavy.")
        large = await client.call("orders/add", {**ORDER, "Notes": "x" * 400_001})
        assert large.status_code == 413


@pytest.mark.parametrize(
    "route", ROUTES, ids=lambda route: route.path.removeprefix("/api/connector/v1/")
)
async def test_garbage_in_any_member_of_any_operation_is_refused_politely(shared, route):
    """A member at a time, every JSON type: never a 500, always the vendor's envelope."""
    operation = route.path.removeprefix("/api/connector/v1/")
    members = [name for name in route.request.__struct_fields__ if name not in TOKENS]
    base = {"ServiceId": SERVICE, "ServiceIds": [SERVICE], **PAGE, "Extent": {}, "BillIds": ["x"]}
    for name in members:
        for junk in JUNK:
            answer = await shared.call(operation, {**base, name: junk})
            assert answer.status_code < 500, (name, junk, answer.text)
            if answer.status_code >= 400:
                assert set(answer.json()) == {"Message", "RequestId"}


def test_every_refusal_and_every_fault_has_words():
    assert set(REFUSALS) == set(Reason)
    assert set(FAULTS) == set(FaultKind)


def test_every_refusal_is_a_client_error_in_the_envelope(anyio_backend):
    call = Call(hub=None, dialect=DIALECT, method="POST", path=ADD, request_id="r")
    for reason in Reason:
        answer = DIALECT.refusal(call, Rejected(reason, "lines[3].product", "why"))
        assert 400 <= answer.status < 500
        assert b"{" not in answer.body[1:]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("Items[0].UnitAmount.Currency", "Currency"),
        ("Items[0]", "Items"),
        ("ServiceId", "ServiceId"),
        ("", "request"),
    ],
)
def test_a_message_names_the_last_parameter_of_a_path(path, name):
    assert parameter(path) == name
