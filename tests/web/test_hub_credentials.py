"""Credentials and tenants: shown once, listed, rotated, revoked; nobody gives what he does not hold."""

import asyncio
import hashlib
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.hub import HubUnderTest, running_hub
from tests.web.hub_client import AS_OPERATOR, AS_SHOP, BASE, SHOP, new_token, problem_of, token

TOKENS = f"{BASE}/credentials"


async def status(hub: HubUnderTest, shown: str) -> int:
    return (await hub.get("/hub/v1/orders", headers=token(shown))).status_code


async def test_a_token_is_shown_once_rotated_and_revoked(demo_url: str) -> None:
    async with running_hub(demo_url) as hub:
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
        assert "token" not in made.json(), "none that opens nothing is shown"
        mine = await new_token(hub, SHOP, "orders:read")
        turned = await hub.post(f"{TOKENS}/{mine['id']}/rotate", {}, headers=dry)
        assert (turned.status_code, "token" in turned.json()) == (200, False)
        assert await status(hub, mine["token"]) == 200
        assert (await hub.post("/hub/v1/tenants", {"name": "x"}, headers=dry)).status_code == 201
        assert (await hub.get("/hub/v1/tenants/x/clock", headers=AS_OPERATOR)).status_code == 404


async def test_scopes_are_changed_by_the_rules_that_they_were_given_by(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        one = f"{TOKENS}/{(await new_token(hub, SHOP, 'orders:read'))['id']}"
        for scopes in (["everything"], []):
            refused = await hub.request("PATCH", one, json={"scopes": scopes}, headers=AS_OPERATOR)
            assert (refused.status_code, problem_of(refused)) == (400, "invalid")
            assert refused.json()["errors"][0]["field"] == "scopes"
        twice = {"scopes": ["pools", "pools"]}
        changed = await hub.request("PATCH", one, json=twice, headers=AS_OPERATOR)
        assert changed.json()["scopes"] == ["pools"]


async def test_an_expiry_is_moved_and_given_up(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        mine = await new_token(hub, SHOP, "orders:read", expires_at="2999-01-01T00:00:00Z")
        one = f"{TOKENS}/{mine['id']}"
        for change, then, opens in (
            ({"label": "kept"}, "2999-01-01T00:00:00Z", 200),
            ({"expires_at": "2020-01-01T00:00:00Z"}, "2020-01-01T00:00:00Z", 401),
            ({"label": "other"}, "2020-01-01T00:00:00Z", 401),
            ({"expires_at": "2999-01-01T00:00:00+08:00"}, "2998-12-31T16:00:00Z", 200),
            ({"expires_at": "2020-01-01T00:00:00Z"}, "2020-01-01T00:00:00Z", 401),
            ({"expires_at": None}, None, 200),
        ):
            changed = await hub.request("PATCH", one, json=change, headers=AS_SHOP)
            assert changed.json()["expires_at"] == then, change
            assert await status(hub, mine["token"]) == opens


async def test_an_operator_adds_tenants_and_operators(demo_url: str) -> None:
    async with running_hub(demo_url) as hub:
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


async def changed_once(hub: HubUnderTest, method: str, path: str, body: Any, other: Any) -> None:
    """The first answer again for the same content under a key, a refusal for other content."""
    keyed = {**AS_OPERATOR, "Idempotency-Key": f"{method} {path}"}
    first = await hub.request(method, path, json=body, headers=keyed)
    assert first.is_success, first.text
    again = await hub.request(method, path, json=body, headers=keyed)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    if other is not None:
        refused = await hub.request(method, path, json=other, headers=keyed)
        assert (refused.status_code, problem_of(refused)) == (422, "key_reused")


async def test_a_key_makes_every_change_of_the_directory_once(demo_url: str) -> None:
    async with running_hub(demo_url) as hub:
        made = await new_token(hub, "shop", "orders:read")
        one = f"{TOKENS}/{made['id']}"
        await changed_once(hub, "POST", "/hub/v1/tenants", {"name": "acme"}, {"name": "emca"})
        await changed_once(hub, "PATCH", one, {"label": "till"}, {"label": "desk"})
        plan = {"faults": [{"kind": "drop"}]}
        await changed_once(hub, "PUT", f"{one}/faults", plan, {"faults": [{"kind": "error_after"}]})
        await changed_once(hub, "DELETE", f"{one}/faults", None, None)
        await changed_once(hub, "DELETE", one, None, None)
        # What came between a call and its repeat stays.
        await hub.request("PATCH", one, json={"label": "desk"}, headers=AS_OPERATOR)
        keyed = {**AS_OPERATOR, "Idempotency-Key": f"PATCH {one}"}
        assert (await hub.request("PATCH", one, json={"label": "till"}, headers=keyed)).is_success
        assert (await hub.get(one, headers=AS_OPERATOR)).json()["label"] == "desk"


async def test_a_refused_or_dry_change_of_the_directory_binds_no_key(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        keyed = {**AS_OPERATOR, "Idempotency-Key": "k"}
        refused = await hub.post("/hub/v1/tenants", {"name": "shop"}, headers=keyed)
        assert problem_of(refused) == "already_exists"
        dry = {**keyed, "Hub-Dry-Run": "true"}
        assert (await hub.post("/hub/v1/tenants", {"name": "new"}, headers=dry)).status_code == 201
        made = await hub.post("/hub/v1/tenants", {"name": "other"}, headers=keyed)
        assert made.status_code == 201
        assert "idempotent-replayed" not in made.headers
        tried = await hub.post("/hub/v1/tenants", {"name": "other"}, headers=dry)
        assert tried.headers["idempotent-replayed"] == "true"


async def test_no_change_of_a_credential_is_lost_to_another(demo_url: str) -> None:
    async with running_hub(demo_url) as hub:
        one = f"{TOKENS}/{(await new_token(hub, 'shop', 'orders:read'))['id']}"
        for lap in range(8):
            await hub.request("PATCH", one, json={"enabled": True}, headers=AS_OPERATOR)
            await asyncio.gather(
                hub.request("PATCH", one, json={"label": f"lap {lap}"}, headers=AS_OPERATOR),
                hub.request("PATCH", one, json={"data": {"lap": lap}}, headers=AS_OPERATOR),
                hub.request("DELETE", one, headers=AS_OPERATOR),
            )
            now = (await hub.get(one, headers=AS_OPERATOR)).json()
            assert (now["enabled"], now["label"], now["data"]) == (
                False,
                f"lap {lap}",
                {"lap": lap},
            )


async def test_tenants_made_at_once_get_ids_of_their_own(demo_url: str) -> None:
    async with running_hub(demo_url) as hub:
        names = [f"t{number}" for number in range(6)]
        made = await asyncio.gather(
            *(hub.post("/hub/v1/tenants", {"name": name}, headers=AS_OPERATOR) for name in names)
        )
        assert [each.status_code for each in made] == [201] * 6
        tenants = hub.hub.ledger.read(lambda reads: reads.tenants())
        assert len({each.id for each in tenants if each.name in names}) == 6


@pytest.mark.parametrize(
    "data",
    [
        {"rate_limit": "many"},
        {"rate_limit": {"calls": 1}},
        {"repeat_window_s": "60"},
        {"repeat_window_s": 0},
        {"repeat_window_s": 0.5},
        {"repeat_window_s": True},
        {"repeat_window_s": 604_801},
        {"faults": {"since": 0, "steps": []}},
    ],
)
async def test_what_the_hub_reads_of_a_credentials_data_must_be_usable(
    tmp_path: Path, data: dict
) -> None:
    async with running_hub(tmp_path) as hub:
        one = f"{TOKENS}/{(await new_token(hub, 'shop', 'orders:read'))['id']}"
        refused = await hub.request("PATCH", one, json={"data": data}, headers=AS_OPERATOR)
        assert (refused.status_code, problem_of(refused)) == (400, "invalid")


@pytest.mark.parametrize(("days", "most"), [(1, 86_400), (7, 604_800), (30, 604_800)])
async def test_a_repeat_is_looked_for_no_longer_than_the_first_is_kept(
    tmp_path: Path, days: int, most: int
) -> None:
    async with running_hub(tmp_path, key_retention_days=days) as hub:
        one = f"{TOKENS}/{(await new_token(hub, 'shop', 'orders:read'))['id']}"
        for window_s, status in ((most, 200), (most + 1, 400)):
            body = {"data": {"repeat_window_s": window_s}}
            answer = await hub.request("PATCH", one, json=body, headers=AS_OPERATOR)
            assert answer.status_code == status


async def test_a_null_member_of_the_data_goes(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        one = f"{TOKENS}/{(await new_token(hub, 'shop', 'orders:read'))['id']}"
        for given, kept in ((60, {"repeat_window_s": 60}), (None, {})):
            body = {"data": {"repeat_window_s": given}}
            await hub.request("PATCH", one, json=body, headers=AS_OPERATOR)
            assert (await hub.get(one, headers=AS_OPERATOR)).json()["data"] == kept


async def test_one_credential_is_shown_to_its_tenant_only(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        made = await new_token(hub, "shop", "orders:read")
        one = f"{TOKENS}/{made['id']}"
        shown = await hub.get(one, headers=AS_SHOP)
        assert shown.json() == {name: made[name] for name in made if name not in ("token", "try")}
        elsewhere = f"/hub/v1/tenants/dropship/credentials/{made['id']}"
        foreign = await hub.get(elsewhere, headers=AS_OPERATOR)
        assert (foreign.status_code, problem_of(foreign)) == (404, "record_unknown")


# --- pages


@pytest.mark.parametrize("path", ["/hub/v1/tenants", TOKENS])
async def test_pages_of_a_list_add_up_to_the_whole(demo_url: str, path: str) -> None:
    async with running_hub(demo_url) as hub:
        for label in ("a", "b", "c"):
            await hub.post(
                TOKENS,
                {"kind": "hub", "scopes": ["orders:read"], "label": label},
                headers=AS_OPERATOR,
            )
        whole = (await hub.get(path, headers=AS_OPERATOR)).json()
        assert whole["next_cursor"] is None
        names = [each.get("id") or each["name"] for each in whole["items"]]
        assert len(names) > 2
        found, query = [], {"limit": 2}
        while query:
            page = (await hub.get(path, params=query, headers=AS_OPERATOR)).json()
            assert 1 <= len(page["items"]) <= 2
            found += [each.get("id") or each["name"] for each in page["items"]]
            cursor = page["next_cursor"]
            query = {"limit": 2, "cursor": cursor} if cursor else {}
        assert found == names
        last = await hub.get(path, params={"limit": len(names)}, headers=AS_OPERATOR)
        assert last.json() == whole, "a page that is just full is the last"
        for bad in ({"limit": 0}, {"limit": 201}, {"page": 2}):
            assert problem_of(await hub.get(path, params=bad, headers=AS_OPERATOR)) == "invalid"


async def test_a_tenant_sees_itself_and_nobody_else(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        for query in ({}, {"limit": 1}):
            found = await hub.get("/hub/v1/tenants", params=query, headers=AS_SHOP)
            assert [each["name"] for each in found.json()["items"]] == ["shop"]
            assert found.json()["next_cursor"] is None
        late = await hub.get("/hub/v1/tenants", params={"cursor": "999"}, headers=AS_SHOP)
        assert late.json() == {"items": [], "next_cursor": None}
        assert (
            problem_of(await hub.get("/hub/v1/tenants", params={"cursor": "x"}, headers=AS_SHOP))
            == "invalid"
        )


@pytest.mark.parametrize(
    ("tenant", "kind", "data"),
    [
        ("tours", "tours4fun", {"rate_limit": {"calls": 1, "seconds": 1}}),
        ("tours", "tours4fun", {"calls": "/v2/order/add"}),
        ("tours", "tours4fun", {"state": "asleep"}),
        ("hotel", "mews", {"rate_limit": {"calls": 1, "seconds": 1}}),
        ("hotel", "mews", {"client": "the token itself"}),
        ("hotel", "mews", {"rebates": "yes"}),
        ("shop", "anqicms.site", {"site": None}),
        ("shop", "hub", {"acts_as": "1000"}),
    ],
)
async def test_a_credentials_data_has_the_shape_that_its_door_reads(
    tmp_path: Path, tenant: str, kind: str, data: dict
) -> None:
    async with running_hub(tmp_path) as hub:
        held = f"/hub/v1/tenants/{tenant}/credentials"
        found = (await hub.get(f"{held}?kind={kind}", headers=AS_OPERATOR)).json()["items"]
        answer = await hub.request(
            "PATCH", f"{held}/{found[0]['id']}", json={"data": data}, headers=AS_OPERATOR
        )
        assert (answer.status_code, problem_of(answer)) == (400, "invalid"), answer.text
        assert answer.json()["errors"][0]["field"] == f"data.{next(iter(data))}"
