"""Deny by default: scopes by routes and tenants by routes, walked whole; limits; the list of problems."""

import re
from pathlib import Path
from typing import Any

import msgspec

from orderhub.core.refusals import Reason
from orderhub.dialects.contract import FaultKind, Route
from orderhub.web import edge
from orderhub.web.hub_api import people, sandboxes, wording
from orderhub.web.hub_api.access import OPERATOR, SCOPES, Guard
from orderhub.web.hub_api.order_filters import COMBINATIONS
from tests.support.dialects import HUB
from tests.support.hub import HubUnderTest, running_hub
from tests.web.hub_client import AS_CDP, AS_OPERATOR, AS_SHOP, new_token, problem_of, sell, token

# Everything but the published documents and the probes, which are for all.
# The address that a vendor's messages go to is a credential of its own.
ROUTES = [r for r in HUB.routes if r.path.startswith("/hub/") and not r.path.endswith("/messages")]
ROOT = Path(__file__).resolve().parents[2]


def scope_of(route: Route) -> str:
    assert isinstance(route.handler, Guard), f"{route.method} {route.path} lets everybody in"
    return route.handler.scope


def path_of(route: Route, **given: str) -> str:
    names = {"tenant": "shop", "uid": "none", "id": "none", "kind": "products", **given}
    return re.sub(r"\{(\w+)\}", lambda found: names[found.group(1)], route.path)


async def ask(hub: HubUnderTest, route: Route, headers: dict[str, str], **given: str) -> Any:
    return await hub.request(route.method, path_of(route, **given), headers=headers)


def test_every_route_has_a_scope_and_a_model_that_can_be_read() -> None:
    others = [route for route in HUB.routes if route not in ROUTES]
    assert all(route.method == "GET" or route.path.endswith("/messages") for route in others)
    assert [route.path for route in others if not route.public] == ["/metrics"]
    for route in ROUTES:
        assert scope_of(route) in (*SCOPES, OPERATOR)
        if isinstance(route.request, type):
            msgspec.json.Decoder(route.request)


# A user's login opens a vendor's door: who gives or ends one needs that scope besides.
BESIDES = {(route.method, route.path): ("dialects",) for route in people.ROUTES}
# Whoever puts a sandbox back changes all of these at once.
BESIDES |= {
    (route.method, route.path): ("catalogue", "clock", "pools", "relay", "settings", "webhooks")
    for route in sandboxes.ROUTES
    if scope_of(route) != OPERATOR
}


async def test_each_scope_opens_its_routes_and_no_other(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        for scope in SCOPES:
            headers = token((await new_token(hub, "shop", scope))["token"])
            for route in ROUTES:
                answer = await ask(hub, route, headers)
                where = f"{scope}: {route.method} {route.path}"
                besides = BESIDES.get((route.method, route.path))
                if scope_of(route) == scope and besides:
                    assert answer.json()["detail"] == f"the token lacks the scope {besides[0]}", (
                        where
                    )
                    both = token((await new_token(hub, "shop", scope, *besides))["token"])
                    answer = await ask(hub, route, both)
                if scope_of(route) == scope:
                    assert answer.status_code not in (401, 403), where
                else:
                    assert answer.status_code == 403, where
                    assert problem_of(answer) == "forbidden"
                    assert answer.json()["detail"] == f"the token lacks the scope {scope_of(route)}"


async def test_nobody_gets_in_without_a_usable_token(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        ended = await new_token(hub, "shop", *SCOPES)
        past = {"expires_at": "2020-01-01T00:00:00Z"}
        path = f"/hub/v1/tenants/shop/credentials/{ended['id']}"
        assert (await hub.request("PATCH", path, json=past, headers=AS_OPERATOR)).status_code == 200
        revoked = await new_token(hub, "shop", *SCOPES)
        path = f"/hub/v1/tenants/shop/credentials/{revoked['id']}"
        await hub.request("DELETE", path, headers=AS_OPERATOR)
        shown = (
            {},
            token("nobody"),
            {"Authorization": "Basic aHViLWRlbW8tc2hvcDo="},
            token(ended["token"]),
            token(revoked["token"]),
        )
        for route in ROUTES:
            for headers in shown:
                answer = await ask(hub, route, headers)
                assert answer.status_code == 401, (route.path, headers)
                assert problem_of(answer) == "unauthenticated"
                assert answer.headers["www-authenticate"].startswith("Bearer")


def alike(answer: Any) -> Any:
    """An answer without what names the thing that was asked for."""
    body = answer.json() if answer.content else None
    if isinstance(body, dict):
        body = {k: v for k, v in body.items() if k not in ("request_id", "instance", "detail")}
    return answer.status_code, body


async def test_what_is_anothers_answers_like_what_is_not_there(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        order = await sell(hub, 1)
        theirs = (await new_token(hub, "shop", "orders:read"))["id"]
        sent = {"url": "https://hooks.shop.example/orders", "enabled": False}
        webhook = (await hub.post("/hub/v1/webhooks", sent, headers=AS_SHOP)).json()["id"]
        unknown = "01900000-0000-7000-8000-000000000000"
        to = {"dialect": "kakaclo", "base_url": "https://openapi.dropship.example"}
        to |= {"credentials": {"token": "given"}, "enabled": False}
        connection = (await hub.post("/hub/v1/connections", to, headers=AS_SHOP)).json()["id"]
        walked = 0
        for route in ROUTES:
            if "{" not in route.path or scope_of(route) == OPERATOR:
                continue
            pairs = []
            if "{tenant}" in route.path:
                pairs.append(({"tenant": "shop", "id": theirs}, {"tenant": "nowhere", "id": "x"}))
                if "{id}" in route.path and "credentials" in route.path:
                    pairs.append(({"tenant": "cdp", "id": theirs}, {"tenant": "cdp", "id": "x"}))
                pairs.append(({"tenant": OPERATOR, "id": theirs}, {"tenant": "nowhere"}))
            if route.path.startswith("/hub/v1/webhooks/"):
                pairs.append(({"id": webhook}, {"id": unknown}))
            if route.path.startswith("/hub/v1/connections/"):
                pairs.append(({"id": connection}, {"id": unknown}))
            if "{uid}" in route.path:
                pairs.append(({"uid": order["uid"]}, {"uid": unknown}))
            for others, nothing in pairs:
                hidden = alike(await ask(hub, route, AS_CDP, **others))
                assert hidden[0] == 404, (route.method, route.path, hidden)
                assert hidden == alike(await ask(hub, route, AS_CDP, **nothing)), route.path
                walked += 1
        assert walked > 25
        assert (await hub.order(order["uid"]))["version"] == 1


async def test_a_tenants_name_in_a_filter_hides_as_well(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await sell(hub, 1)
        for name in ("shop", "nowhere"):
            answer = await hub.get(f"/hub/v1/orders?tenant={name}", headers=AS_CDP)
            assert (answer.status_code, problem_of(answer)) == (404, "record_unknown")
        tenants = await hub.get("/hub/v1/tenants", headers=AS_CDP)
        assert [each["name"] for each in tenants.json()["items"]] == ["cdp"]


async def test_a_limit_is_told_with_every_answer_and_kept(tmp_path: Path) -> None:
    async with running_hub(tmp_path, rate_limits=True) as hub:
        limit = {"rate_limit": {"calls": 3, "seconds": 60}}
        shown = await new_token(hub, "shop", "orders:read", data=limit)
        headers = token(shown["token"])
        for left in (2, 1, 0):
            path = "/hub/v1/orders" if left else "/hub/v1/orders/none"
            answer = await hub.get(path, headers=headers)
            assert answer.headers["ratelimit-policy"] == '"token";q=3;w=60'
            assert re.fullmatch(rf'"token";r={left};t=\d+', answer.headers["ratelimit"])
        over = await hub.get("/hub/v1/orders", headers=headers)
        assert (over.status_code, problem_of(over)) == (429, "rate_limited")
        assert 0 < int(over.headers["retry-after"]) <= 60
        assert over.headers["ratelimit"].startswith('"token";r=0;')
        free = await hub.get("/hub/v1/orders", headers=AS_SHOP)
        assert "ratelimit" not in free.headers, "a sandbox has no limit unless it is given one"
        await hub.settings("shop", sandbox=False)
        hub.hub.port.forget()
        default = await hub.get("/hub/v1/orders", headers=AS_SHOP)
        assert default.headers["ratelimit-policy"] == '"token";q=6000;w=60'


def test_every_problem_is_documented() -> None:
    documented = set(re.findall(r"(?m)^### `?(\w+)`?$", (ROOT / "docs/problems.md").read_text()))
    named = {each.value for each in (*Reason, *FaultKind)} | {each.kind for each in edge.TOLD}
    assert documented == named
    assert wording.TYPES == "/docs/problems#"


def test_the_documented_status_of_each_problem_is_the_real_one() -> None:
    text = (ROOT / "docs/problems.md").read_text()
    sections = dict(re.findall(r"(?ms)^### `?(\w+)`?\n\n(\d{3})", text))
    for reason in Reason:
        assert sections[reason.value] == str(wording.status_of(reason)), reason
    for kind in FaultKind:
        assert sections[kind.value] == str(wording.status_of(kind)), kind
    for told in edge.TOLD:
        assert sections[told.kind] == str(told.status), told


def test_the_documented_filters_are_the_real_ones() -> None:
    text = (ROOT / "docs/hub-api.md").read_text()
    rows = re.findall(r"(?m)^\| ((?:`\w+`(?: \+ )?)+|none) \|.*\| `(\w+)` \|$", text)
    documented = {frozenset(re.findall(r"`(\w+)`", names)): index for names, index in rows}
    assert documented == dict(COMBINATIONS)


def test_every_route_and_every_scope_is_documented() -> None:
    text = (ROOT / "docs/hub-api.md").read_text()
    missing = [f"{r.method} {r.path}" for r in ROUTES if f"`{r.method} {r.path}`" not in text]
    assert not missing
    assert not [scope for scope in (*SCOPES, OPERATOR) if f"`{scope}`" not in text]
