"""No token reaches further than itself, through the API: actors, credentials and calls, each with each."""

import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from orderhub.core.access import Credential
from orderhub.dialects.auth import digest
from orderhub.web.hub_api.access import OPERATOR, SCOPES
from tests.support.calls import Caller, calling

HOUR_US = 3_600 * 1_000_000
ALL = tuple(SCOPES)
_NUMBERS = count(1)
MINE = "/hub/v1/tenants/hotel/credentials"


@pytest.fixture
def hub(sqlite_demo: str) -> Iterator[Caller]:
    with calling(sqlite_demo) as caller:
        yield caller


def tenants_of(hub: Caller) -> dict[str, int]:
    return {each.name: each.id for each in hub.hub.ledger.read(lambda reads: reads.tenants())}


def put(
    hub: Caller, tenant_id: int, scopes: tuple[str, ...] = (), kind: str = "hub", **more: Any
) -> Credential:
    """A credential written past the API; its token is its id."""
    number = next(_NUMBERS)
    credential = Credential(
        id=f"{kind}-{number}",
        kind=kind,
        name=digest(f"{kind}-{number}"),
        tenant_id=tenant_id,
        scopes=scopes,
        data={"client": digest("the client")} if kind == "mews" else {},
        **more,
    )
    hub.hub.ledger.put_credential(credential)
    hub.hub.port.forget()
    return credential


def actors(hub: Caller) -> dict[str, Credential]:
    of, soon = tenants_of(hub), time.time_ns() // 1000 + HOUR_US
    return {
        "clerk": put(hub, of["hotel"], ("credentials", "orders:read")),
        "disturber": put(hub, of["hotel"], ("credentials", "faults", "orders:read")),
        "integrator": put(hub, of["hotel"], ("credentials", "faults", "dialects")),
        "manager": put(hub, of["hotel"], ALL),
        "manager for an hour": put(hub, of["hotel"], ALL, expires_at=soon),
        "another's manager": put(hub, of["omni"], ALL),
        "traveller": put(hub, 0, ("credentials", "faults", "dialects", "orders:read")),
        "operator": put(hub, 0, (OPERATOR,)),
        "operator for an hour": put(hub, 0, (OPERATOR,), expires_at=soon),
    }


def targets(hub: Caller) -> dict[str, dict[str, Any]]:
    of, now = tenants_of(hub), time.time_ns() // 1000
    hotel, omni = of["hotel"], of["omni"]
    return {
        "reader": {"tenant_id": hotel, "scopes": ("orders:read",)},
        "full token": {"tenant_id": hotel, "scopes": ALL},
        "reader for minutes": {
            "tenant_id": hotel,
            "scopes": ("orders:read",),
            "expires_at": now + HOUR_US // 2,
        },
        "reader for hours": {
            "tenant_id": hotel,
            "scopes": ("orders:read",),
            "expires_at": now + 2 * HOUR_US,
        },
        "vendor's": {"tenant_id": hotel, "kind": "mews", "scopes": ()},
        "portfolio": {"tenant_id": hotel, "kind": "mews", "scopes": (), "tenants": (hotel, omni)},
        "portfolio of one": {"tenant_id": hotel, "kind": "mews", "scopes": (), "tenants": (hotel,)},
        "another's": {"tenant_id": omni, "scopes": ("orders:read",)},
        "another's portfolio": {
            "tenant_id": omni,
            "kind": "mews",
            "scopes": (),
            "tenants": (hotel, omni),
        },
    }


# call -> (scope it needs, method, path behind the credential, body, whether life counts, life after)
KEEPS, FOREVER = "keeps", "forever"
CALLS: dict[str, tuple[str, str, str, Any, bool, str]] = {
    "create": ("credentials", "POST", "", None, True, KEEPS),
    "label": ("credentials", "PATCH", "", {"label": "mine"}, True, KEEPS),
    "data": ("credentials", "PATCH", "", {"data": {"note": "x"}}, True, KEEPS),
    "prolong": ("credentials", "PATCH", "", {"expires_at": None}, True, FOREVER),
    "switch off": ("credentials", "PATCH", "", {"enabled": False}, True, KEEPS),
    "switch on": ("credentials", "PATCH", "", {"enabled": True}, True, KEEPS),
    "rotate": ("credentials", "POST", "/rotate", {}, True, KEEPS),
    "revoke": ("credentials", "DELETE", "", None, False, KEEPS),
    "set faults": ("faults", "PUT", "/faults", {"faults": [{"kind": "drop"}]}, False, KEEPS),
    "clear faults": ("faults", "DELETE", "/faults", None, False, KEEPS),
}


def expected(actor: Credential, target: dict[str, Any], call: str) -> int:
    """By plain sets, without a look at the hub's own rule."""
    scope, _, _, _, counts_life, after = CALLS[call]
    rules = OPERATOR in actor.scopes
    held = set(ALL) if rules else set(actor.scopes)
    if scope not in held:
        return 403
    if actor.tenant_id and actor.tenant_id != target["tenant_id"]:
        return 404
    if call == "create" and actor.tenant_id and {*target.get("tenants", ())} - {actor.tenant_id}:
        return 404  # a tenant that the token cannot see is one that is not there
    needed = set(target["scopes"]) | ({"dialects"} if target.get("kind") == "mews" else set())
    if not needed <= held or (target.get("tenants") and not rules):
        return 403
    lives = [target.get("expires_at", 0), 0 if after == FOREVER else target.get("expires_at", 0)]
    ends = actor.expires_at
    if counts_life and ends and any(not each or each > ends for each in lives):
        return 403
    return 201 if call == "create" else 200


def body_of(target: dict[str, Any], names: dict[int, str]) -> dict[str, Any]:
    """The body that makes such a credential."""
    body: dict[str, Any] = {"kind": target.get("kind", "hub"), "scopes": list(target["scopes"])}
    if body["kind"] == "mews":
        body["digests"] = {"client": "the client"}
    if target.get("tenants"):
        body["tenants"] = [names[each] for each in target["tenants"]]
    if target.get("expires_at"):
        left_us = target["expires_at"] - time.time_ns() // 1000
        body["expires_in_s"] = left_us // 1_000_000
    return body


def test_every_actor_with_every_credential_by_every_call(hub: Caller) -> None:
    names = {number: name for name, number in tenants_of(hub).items()}
    wrong, allowed, refused = [], 0, 0
    for who, actor in actors(hub).items():
        for what, target in targets(hub).items():
            for call, (_, method, behind, body, _, _) in CALLS.items():
                before = put(hub, **target)
                path = f"/hub/v1/tenants/{names[target['tenant_id']]}/credentials"
                if call == "create":
                    given = body_of(target, names)
                else:
                    path, given = f"{path}/{before.id}{behind}", body
                answer = hub.ask(method, path, given, token=actor.id)
                wanted = expected(actor, target, call)
                if answer.status != wanted:
                    wrong.append((who, what, call, wanted, answer.status, answer.body))
                allowed, refused = allowed + (wanted < 400), refused + (wanted >= 400)
                if wanted >= 400:
                    stored = hub.hub.ledger.read(
                        lambda reads, one=before.id: reads.credential_by_id(one)
                    )
                    assert stored == before, (who, what, call)
    assert not wrong, wrong
    assert allowed > 150
    assert refused > 250


# --- the attacks that were found


def test_a_tenants_token_takes_over_no_portfolio(hub: Caller) -> None:
    """AT-H1: it could be rotated by a token of one of its tenants, and opened all of them then."""
    body = {
        "kind": "mews",
        "token": "PORTFOLIO-ACCESS-1",
        "digests": {"client": "PORT-CLIENT"},
        "tenants": ["hotel", "omni"],
    }
    made = hub.ask("POST", MINE, body).json()
    assert made["tenants"] == ["hotel", "omni"]
    thief = hub.ask("POST", MINE, {"kind": "hub", "scopes": ["credentials", "dialects"]}).json()
    one = f"{MINE}/{made['id']}"
    for method, path, given in (
        ("POST", f"{one}/rotate", {"token": "STOLEN-ACCESS", "digests": {"client": "MY-CLIENT"}}),
        ("POST", f"{one}/rotate", {"digests": {"client": "MY-CLIENT"}}),
        ("PATCH", one, {"data": {"client": digest("MY-CLIENT")}}),
        ("PATCH", one, {"enabled": False}),
        ("DELETE", one, None),
    ):
        assert hub.ask(method, path, given, token=thief["token"]).status == 403, (method, given)
    for access, client in (("STOLEN-ACCESS", "MY-CLIENT"), ("PORTFOLIO-ACCESS-1", "MY-CLIENT")):
        tokens = {"ClientToken": client, "AccessToken": access, "Client": "x"}
        asked = {**tokens, "Limitation": {"Count": 10}}
        assert (
            hub.ask("POST", "/api/connector/v1/enterprises/getAll", asked, token="").status == 401
        )
    # What a tenant sees of it names no other tenant; who reaches both sees both.
    seen = hub.ask("GET", one, token=thief["token"]).json()
    assert seen["tenants"] == ["hotel"]
    assert hub.ask("GET", one).json()["tenants"] == ["hotel", "omni"]
    listed = hub.ask("GET", MINE).json()["items"]
    assert next(each for each in listed if each["id"] == made["id"])["tenants"] == ["hotel", "omni"]


def test_no_token_prolongs_its_own_life(hub: Caller) -> None:
    """AT-L6, and what comes to the same: a credential that outlives the one that made it."""
    body = {"kind": "hub", "scopes": ["credentials", "orders:read"], "expires_in_s": 30}
    made = hub.ask("POST", MINE, body).json()
    mine = made["token"]
    one = f"{MINE}/{made['id']}"
    for expires_at in (None, "2999-01-01T00:00:00Z"):
        assert hub.ask("PATCH", one, {"expires_at": expires_at}, token=mine).status == 403
    for life in ({}, {"expires_in_s": 3_600}):
        twin = {"kind": "hub", "scopes": ["orders:read"], **life}
        refused = hub.ask("POST", MINE, twin, token=mine)
        assert (refused.status, "outlive" in refused.json()["detail"]) == (403, True)
    assert (
        hub.ask(
            "POST", MINE, {"kind": "hub", "scopes": ["orders:read"], "expires_in_s": 5}, token=mine
        ).status
        == 201
    )
    assert hub.ask("PATCH", one, {"expires_at": ""}).status == 400, "no date is not no end"
    sooner = hub.ask("PATCH", one, {"expires_at": "2020-01-01T00:00:00Z"}, token=mine)
    assert sooner.status == 200
    assert hub.ask("GET", one, token=mine).status == 401


def test_a_narrow_token_revokes_nothing_wider(hub: Caller) -> None:
    """AT-L7."""
    wide = hub.ask("POST", MINE, {"kind": "hub", "scopes": list(SCOPES)}).json()
    narrow = hub.ask("POST", MINE, {"kind": "hub", "scopes": ["credentials"]}).json()["token"]
    assert hub.ask("DELETE", f"{MINE}/{wide['id']}", token=narrow).status == 403
    assert hub.ask("GET", "/hub/v1/orders", token=wide["token"]).status == 200


@pytest.mark.parametrize(
    "chosen",
    [
        {"kind": "anqicms.site", "name": "victim.example"},
        {"kind": "anqicms.site", "name": "default"},
        {"kind": "anqicms.site", "name": "site:2"},
        {"kind": "tours4fun", "name": "demo-tours"},
        {"kind": "tours4fun", "name": "nobody-has-this"},
        {"kind": "kakaclo", "token": "omni-kakaclo"},
        {"kind": "kakaclo", "token": "nobody-has-this"},
        {"kind": "sitecore_cdp", "token": "demo-cdp:demo-cdp-secret"},
        {"kind": "mews", "token": "OMNI-ACCESS", "digests": {"client": "x" * 8}},
    ],
)
def test_a_chosen_name_tells_a_tenant_nothing_of_others(hub: Caller, chosen: dict) -> None:
    """AT-L8: no name is squatted, and the refusal is the same whoever has it, and whether anybody does."""
    refused = hub.ask("POST", MINE, chosen, token="hub-demo-hotel")
    assert refused.status == 403
    assert "operator" in refused.json()["detail"]
    own = {"kind": chosen["kind"], "digests": chosen.get("digests", {})}
    made = hub.ask("POST", MINE, own, token="hub-demo-hotel")
    assert made.status == 201, made.body
    renewed = f"{MINE}/{made.json()['id']}/rotate"
    if "token" in chosen:
        given = {"token": chosen["token"]}
        assert hub.ask("POST", renewed, given, token="hub-demo-hotel").status == 403
    assert hub.ask("POST", renewed, {}, token="hub-demo-hotel").status == 200


def test_a_tenant_that_is_not_the_tokens_is_in_no_portfolio_of_its_making(hub: Caller) -> None:
    answers = []
    for other in ("omni", "nowhere"):
        body = {"kind": "mews", "digests": {"client": "abcd"}, "tenants": ["hotel", other]}
        answer = hub.ask("POST", MINE, body, token="hub-demo-hotel")
        answers.append((answer.status, answer.json()["detail"].replace(other, "X")))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404


@pytest.mark.parametrize("others", [["hotel"], []])
def test_a_portfolio_outlives_a_tenant_of_it_that_is_removed(
    hub: Caller, others: list[str]
) -> None:
    """It was a 500 at every call; one that is left with no tenant must not fall back to its own."""
    sandbox = hub.ask("POST", "/hub/v1/sandboxes", {"dialect": "mews"}).json()["tenant"]
    body = {"kind": "mews", "digests": {"client": "PORT"}, "tenants": [*others, sandbox]}
    made = hub.ask("POST", MINE, body).json()
    tokens = {"ClientToken": "PORT", "AccessToken": made["token"], "Client": "x"}

    def seen() -> tuple[int, int]:
        asked = {**tokens, "Limitation": {"Count": 10}}
        answer = hub.ask("POST", "/api/connector/v1/enterprises/getAll", asked, token="")
        return answer.status, len(answer.json().get("Enterprises", ()))

    assert seen() == (200, len(others) + 1)
    assert hub.ask("DELETE", f"/hub/v1/sandboxes/{sandbox}").status == 204
    assert seen() == ((200, 1) if others else (401, 0))
    left = hub.ask("GET", f"{MINE}/{made['id']}").json()
    assert (left["tenants"], left["enabled"]) == (others, bool(others))
