"""Credentials and tenants: shown once, listed, rotated, revoked; nobody gives what he does not hold."""

import hashlib
import time
from pathlib import Path

import pytest

from tests.support.hub import HubUnderTest, running_hub
from tests.web.hub_client import AS_OPERATOR, AS_SHOP, BASE, new_token, problem_of, token

pytestmark = pytest.mark.anyio

TOKENS = f"{BASE}/credentials"


@pytest.fixture
def anyio_backend():
    return "asyncio"


async def status(hub: HubUnderTest, shown: str) -> int:
    return (await hub.get("/hub/v1/orders", headers=token(shown))).status_code


async def test_a_token_is_shown_once_rotated_and_revoked(database_url: str) -> None:
    async with running_hub(database_url) as hub:
        body = {"kind": "hub", "scopes": ["orders:read"], "label": "reports", "expires_in_s": 60}
        made = await hub.post(TOKENS, body, headers=AS_SHOP)
        assert made.status_code == 201
        first, one = made.json()["token"], f"{TOKENS}/{made.json()['id']}"
        assert made.headers["location"] == one
        assert await status(hub, first) == 200
        listed = (await hub.get(TOKENS, headers=AS_SHOP)).json()["items"]
        mine = next(each for each in listed if each["label"] == "reports")
        assert mine["last_used_at"]
        assert first not in str(listed)
        assert hashlib.sha256(first.encode()).hexdigest() not in str(listed)
        turned = await hub.post(f"{one}/rotate", {}, headers=AS_SHOP)
        second = turned.json()["token"]
        assert (await status(hub, first), await status(hub, second)) == (401, 200)
        assert turned.json()["id"] == mine["id"]
        await hub.request("PATCH", one, json={"scopes": ["pools"]}, headers=AS_OPERATOR)
        assert await status(hub, second) == 403
        gone = await hub.request("DELETE", one, headers=AS_SHOP)
        assert gone.json()["enabled"] is False
        assert await status(hub, second) == 401


async def test_a_credential_never_stands_in_a_log_of_repeats(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        body = {"kind": "hub", "scopes": ["orders:read"]}
        key = {**AS_SHOP, "Idempotency-Key": "k"}
        first, second = [(await hub.post(TOKENS, body, headers=key)).json() for _ in range(2)]
        assert first["token"] != second["token"]
        with hub.hub.ledger.engine.connect() as connection:
            claims = connection.exec_driver_sql("SELECT body FROM claim").fetchall()
        assert first["token"] not in str(claims)


async def test_nobody_gives_or_touches_what_he_does_not_hold(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        clerk = await new_token(hub, "shop", "credentials", "orders:read")
        as_clerk = token(clerk["token"])
        strong = await new_token(hub, "shop", "orders:write")
        for body in (
            {"kind": "hub", "scopes": ["orders:write"]},
            {"kind": "hub", "scopes": ["operator"]},
            {"kind": "kakaclo", "token": "abcdefgh"},
            {"kind": "hub", "scopes": ["orders:read"], "tenants": ["shop"]},
        ):
            refused = await hub.post(TOKENS, body, headers=as_clerk)
            assert (refused.status_code, problem_of(refused)) == (403, "forbidden"), body
        for method, path, body in (
            ("POST", f"{TOKENS}/{strong['id']}/rotate", {}),
            ("PATCH", f"{TOKENS}/{clerk['id']}", {"scopes": ["orders:write"]}),
            ("PATCH", f"{TOKENS}/{strong['id']}", {"label": "mine"}),
        ):
            refused = await hub.request(method, path, json=body, headers=as_clerk)
            assert problem_of(refused) == "forbidden", path
        in_tenant = {"kind": "hub", "scopes": ["operator"]}
        refused = await hub.post(TOKENS, in_tenant, headers=AS_OPERATOR)
        assert problem_of(refused) == "forbidden", "an operator's token belongs to no tenant"


async def test_vendors_clients_get_in_with_what_was_made_for_them(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        kakaclo = {"kind": "kakaclo"}
        made = await hub.post("/hub/v1/tenants/dropship/credentials", kakaclo, headers=AS_OPERATOR)
        path = "/openapi/openapi/v1/orders"
        bearer = token(made.json()["token"])
        assert (await hub.get("/openapi/v1/orders", headers=bearer)).status_code != 401, path
        cdp = {"kind": "sitecore_cdp", "token": "new-client:new-secret"}
        await hub.post("/hub/v1/tenants/cdp/credentials", cdp, headers=AS_OPERATOR)
        order = {"referenceId": "N1", "orderedAt": "2024-01-01T16:17:16Z", "price": 1}
        placed = await hub.post(
            "/v2.1/orders", {**order, "currencyCode": "EUR"}, auth=("new-client", "new-secret")
        )
        assert placed.status_code == 201, placed.text
        app = {"kind": "tours4fun", "name": "new-app", "scopes": ["dialects"]}
        made = await hub.post("/hub/v1/tenants/tours/credentials", app, headers=AS_OPERATOR)
        t = str(int(time.time()))
        text = f"new-app{t}{made.json()['secret']}" + "{}"
        sign = hashlib.md5(text.encode()).hexdigest()
        query = f"appkey=new-app&t={t}&sign={sign}"
        answer = await hub.request("POST", f"/v2/order/detail?{query}", content=b"{}")
        assert answer.json()["code"] not in range(10001, 10007), answer.text
        mews = {
            "kind": "mews",
            "token": "ACCESS-NEW",
            "digests": {"client": "CLIENT-NEW"},
        }
        made = await hub.post("/hub/v1/tenants/hotel/credentials", mews, headers=AS_OPERATOR)
        assert made.json()["data"] == {"client": "(digest)"}
        body = {"ClientToken": "CLIENT-NEW", "AccessToken": "ACCESS-NEW", "Client": "Test 1"}
        asked = await hub.post("/api/connector/v1/configuration/get", body)
        assert asked.status_code != 401


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kind": "fax"},
        {"kind": "hub"},
        {"kind": "hub", "scopes": ["everything"]},
        {"kind": "hub", "scopes": ["pools"], "token": "chosen-by-me"},
        {"kind": "tours4fun", "name": "x", "token": "abcd"},
        {"kind": "kakaclo", "secret": "abcd"},
        {"kind": "hub", "scopes": ["pools"], "expires_at": "tomorrow"},
        {
            "kind": "hub",
            "scopes": ["pools"],
            "expires_at": "2030-01-01T00:00:00Z",
            "expires_in_s": 1,
        },
        {"kind": "hub", "scopes": ["pools"], "data": {"rate_limit": {"calls": "many"}}},
        {"kind": "hub", "scopes": ["pools"], "colour": "red"},
    ],
)
async def test_a_credential_of_the_wrong_shape_is_refused(tmp_path: Path, body: dict) -> None:
    async with running_hub(tmp_path) as hub:
        answer = await hub.post(TOKENS, body, headers=AS_OPERATOR)
        assert (answer.status_code, problem_of(answer)) == (400, "invalid")


async def test_a_name_is_taken_once_until_it_is_revoked(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        path = "/hub/v1/tenants/tours/credentials"
        app = {"kind": "tours4fun", "name": "twice", "scopes": ["dialects"]}
        made = (await hub.post(path, app, headers=AS_OPERATOR)).json()
        again = await hub.post(path, app, headers=AS_OPERATOR)
        assert (again.status_code, problem_of(again)) == (409, "already_exists")
        await hub.request("DELETE", f"{path}/{made['id']}", headers=AS_OPERATOR)
        other = await hub.post("/hub/v1/tenants/omni/credentials", app, headers=AS_OPERATOR)
        assert problem_of(other) == "already_exists", "another tenant's name stays another's"
        assert (await hub.post(path, app, headers=AS_OPERATOR)).status_code == 201


async def test_a_dry_run_leaves_nothing(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        dry = {**AS_OPERATOR, "Hub-Dry-Run": "true"}
        before = len((await hub.get(TOKENS, headers=AS_OPERATOR)).json()["items"])
        made = await hub.post(TOKENS, {"kind": "hub", "scopes": ["pools"]}, headers=dry)
        assert made.status_code == 201
        assert len((await hub.get(TOKENS, headers=AS_OPERATOR)).json()["items"]) == before
        assert await status(hub, made.json()["token"]) == 401
        assert (await hub.post("/hub/v1/tenants", {"name": "x"}, headers=dry)).status_code == 201
        assert (await hub.get("/hub/v1/tenants/x/clock", headers=AS_OPERATOR)).status_code == 404


async def test_an_operator_adds_tenants_and_operators(database_url: str) -> None:
    async with running_hub(database_url) as hub:
        new = {"name": "acme", "title": "Acme", "settings": {"currency": "EUR", "sandbox": True}}
        made = await hub.post("/hub/v1/tenants", new, headers=AS_OPERATOR)
        assert made.status_code == 201, made.text
        assert made.json()["settings"]["currency"] == "EUR"
        again = await hub.post("/hub/v1/tenants", new, headers=AS_OPERATOR)
        assert (again.status_code, problem_of(again)) == (409, "already_exists")
        assert (await hub.settings("acme", currency="USD"))["currency"] == "USD"
        await hub.freeze("acme", "2019-01-01T00:00:00Z")
        mine = await new_token(hub, "acme", "orders:read")
        assert await status(hub, mine["token"]) == 200
        second = await new_token(hub, "operator", "operator")
        assert (
            len((await hub.get("/hub/v1/tenants", headers=token(second["token"]))).json()["items"])
            > 5
        )
        for name in ("", "Acme", "-x", "operator", "a" * 64):
            refused = await hub.post("/hub/v1/tenants", {"name": name}, headers=AS_OPERATOR)
            assert problem_of(refused) == "invalid", name
        for settings in ({"colour": 1}, {"currency": 5}, {"clock": {}}):
            body = {"name": "other", "settings": settings}
            refused = await hub.post("/hub/v1/tenants", body, headers=AS_OPERATOR)
            assert problem_of(refused) == "invalid", settings
