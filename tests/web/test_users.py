"""/hub/v1/tenants/{tenant}/users and `orderhub user`: who works there, by the API and the command line."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from typer.testing import CliRunner

from orderhub.cli.commands import app
from orderhub.core.access import Credential, Tenant
from orderhub.core.decide import RECORD_TYPES
from orderhub.core.people import Person, Role
from orderhub.dialects.contract import HTTPFault
from orderhub.ledger.ledger import Ledger
from orderhub.web import people
from tests.support.hub import HubUnderTest, operator_headers, running_hub
from tests.web.desk.browser import Browser
from tests.web.hub_client import AS_OPERATOR, AS_SHOP, new_token, problem_of, token

BASE = "/hub/v1/tenants/shop/users"
OWNER = "owner@shop.example"


async def add(hub: HubUnderTest, email: str, role: str, tenant: str = "shop") -> dict[str, Any]:
    path = f"/hub/v1/tenants/{tenant}/users"
    answer = await hub.post(path, {"email": email, "role": role}, headers=operator_headers())
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_somebody_is_invited_listed_and_given_other_roles(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        body = {"email": " Ana@Shop.Test ", "role": "staff", "name": "Ana 王"}
        made = (await hub.post(BASE, body, headers=AS_SHOP)).json()
        assert made["email"] == "ana@shop.test"
        assert made["link"].startswith("http://hub.test/desk/welcome?link=")
        assert (made["has_password"], made["signed_in_at"]) == (False, None)
        again = await hub.post(BASE, body, headers=AS_SHOP)
        assert (again.status_code, problem_of(again)) == (409, "already_exists")
        listed = (await hub.get(BASE, headers=AS_SHOP)).json()["items"]
        assert [each["email"] for each in listed] == ["ana@shop.test", OWNER]
        page = (await hub.get(BASE, params={"limit": "1"}, headers=AS_SHOP)).json()
        rest = {"limit": "1", "cursor": page["next_cursor"]}
        assert (await hub.get(BASE, params=rest, headers=AS_SHOP)).json()["items"] == listed[1:]
        for name in (made["uid"], "ana@shop.test"):
            changed = await hub.request(
                "PUT", f"{BASE}/{name}/role", json={"role": "manager"}, headers=AS_SHOP
            )
            assert changed.json()["role"] == "manager"
        gone = await hub.request(
            "PUT", f"{BASE}/{made['uid']}/role", json={"role": None}, headers=AS_SHOP
        )
        assert gone.json()["role"] is None
        assert len((await hub.get(BASE, headers=AS_SHOP)).json()["items"]) == 1


async def test_one_person_works_for_two_tenants_and_neither_owner_rules_the_other(
    tmp_path: Path,
) -> None:
    async with running_hub(tmp_path) as hub:
        first = await add(hub, "ana@x.test", "staff")
        second = await add(hub, "ana@x.test", "owner", "omni")
        assert (second["uid"], second["role"]) == (first["uid"], "owner")
        for path in ("reset", "enabled"):
            method, body = ("POST", None) if path == "reset" else ("PUT", {"enabled": False})
            answer = await hub.request(
                method, f"{BASE}/ana@x.test/{path}", json=body, headers=AS_SHOP
            )
            assert (answer.status_code, problem_of(answer)) == (403, "forbidden")
        answer = await hub.request(
            "PUT", f"{BASE}/ana@x.test/role", json={"role": None}, headers=AS_SHOP
        )
        assert answer.status_code == 200
        other = "/hub/v1/tenants/omni/users/ana@x.test/role"
        unknown = await hub.request("PUT", other, json={"role": "staff"}, headers=AS_SHOP)
        assert unknown.status_code == 404


async def begun(hub: HubUnderTest, link: str) -> Browser:
    browser = Browser(hub)
    assert (await browser.welcome(link)).status_code == 303, browser.text
    return browser


@pytest.mark.parametrize("tenant", ["omni", "operator"])
async def test_no_owner_begins_for_who_has_a_role_elsewhere(tmp_path: Path, tenant: str) -> None:
    """Neither before they have a password, which the link would set, nor after."""
    async with running_hub(tmp_path) as hub:
        role = "operator" if tenant == "operator" else "viewer"
        theirs = await add(hub, "ana@x.test", role, tenant)
        for _ in range(2):
            answer = await hub.post(BASE, {"email": "ana@x.test", "role": "owner"}, headers=AS_SHOP)
            assert (answer.status_code, problem_of(answer)) == (409, "already_exists")
            assert "ask an operator" in answer.text
            listed = (await hub.get(BASE, headers=AS_SHOP)).json()["items"]
            assert [each["email"] for each in listed] == [OWNER]
            if theirs["link"]:  # which still opens: nobody made another one
                await begun(hub, theirs.pop("link"))
                theirs["link"] = ""
        given = await add(hub, "ana@x.test", "staff")
        assert (given["role"], given["link"]) == ("staff", None)


async def test_who_is_left_without_a_role_begins_anew(tmp_path: Path) -> None:
    """Whoever made the account may hold its password, and a browser that is signed in."""
    async with running_hub(tmp_path) as hub:
        made = await add(hub, "ana@x.test", "viewer", "omni")
        browser = await begun(hub, made["link"])
        other = "/hub/v1/tenants/omni/users/ana@x.test"
        await hub.request("PUT", f"{other}/role", json={"role": None}, headers=AS_OPERATOR)
        answer = await hub.post(BASE, {"email": "ana@x.test", "role": "owner"}, headers=AS_SHOP)
        link = answer.json()["link"]
        assert (answer.status_code, answer.json()["has_password"]) == (201, False)
        assert (await browser.get("/desk/orders")).status_code == 303
        assert (await Browser(hub).sign_in("ana@x.test")).status_code == 422
        assert (await (await begun(hub, link)).get("/desk/orders")).status_code == 200


async def test_no_token_gives_more_than_it_holds(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        narrow = token((await new_token(hub, "shop", "people", "orders:read"))["token"])
        for role, status in (("viewer", 201), ("staff", 403), ("owner", 403), ("operator", 400)):
            body = {"email": f"{role}@x.test", "role": role}
            assert (await hub.post(BASE, body, headers=narrow)).status_code == status, role
        path = f"{BASE}/{OWNER}/role"
        answer = await hub.request("PUT", path, json={"role": "viewer"}, headers=narrow)
        assert answer.status_code == 403
        operators = "/hub/v1/tenants/operator/users"
        assert (await hub.get(operators, headers=AS_SHOP)).status_code == 404
        listed = (await hub.get(operators, headers=AS_OPERATOR)).json()["items"]
        assert [each["email"] for each in listed] == ["operator@hub.example"]


async def test_the_last_owner_stays(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        for method, path, body in (
            ("PUT", f"{BASE}/{OWNER}/role", {"role": "staff"}),
            ("PUT", f"{BASE}/{OWNER}/role", {"role": None}),
            ("PUT", f"{BASE}/{OWNER}/enabled", {"enabled": False}),
            ("PUT", "/hub/v1/tenants/operator/users/operator@hub.example/role", {"role": None}),
        ):
            answer = await hub.request(method, path, json=body, headers=AS_OPERATOR)
            assert (answer.status_code, "is the last" in answer.text) == (400, True), path
        await add(hub, "second@shop.test", "owner")
        answer = await hub.request(
            "PUT", f"{BASE}/{OWNER}/role", json={"role": None}, headers=AS_OPERATOR
        )
        assert answer.status_code == 200


@pytest.mark.parametrize(
    "email",
    [
        "",
        "a",
        "a@b",
        "a b@c.de",
        "a@b.c,d@e.f",
        "<a@b.cd>",
        "a@b.cd\n",
        "a@@b.cd",
        "x" * 300 + "@b.cd",
    ],
)
async def test_what_is_no_address_is_refused(tmp_path: Path, email: str) -> None:
    async with running_hub(tmp_path) as hub:
        answer = await hub.post(BASE, {"email": email, "role": "staff"}, headers=AS_SHOP)
        assert answer.status_code == (201 if email.strip() == "a@b.cd" else 400), answer.text


async def test_a_dry_run_invites_nobody(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        headers = {**AS_SHOP, "Hub-Dry-Run": "true"}
        body = {"email": "ana@x.test", "role": "staff"}
        answer = await hub.post(BASE, body, headers=headers)
        assert (answer.status_code, answer.json()["link"]) == (201, None)
        assert len((await hub.get(BASE, headers=AS_SHOP)).json()["items"]) == 1


def held(folder: Path) -> bytes:
    """Every byte that a hub keeps."""
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_a_link_is_kept_nowhere(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        made = await add(hub, "ana@x.test", "staff")
        again = (await hub.post(f"{BASE}/ana@x.test/reset", headers=AS_SHOP)).json()
        while hub.hub.port.request_log.flush():
            pass
        assert (await hub.get("/hub/v1/requests", headers=AS_OPERATOR)).json()["items"]
        for each in (made, again):
            assert each["link"].partition("link=")[2].encode() not in held(tmp_path)


async def test_a_removed_sandbox_takes_its_roles_along(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        made = (
            await hub.post("/hub/v1/sandboxes", {"dialect": "kakaclo"}, headers=AS_OPERATOR)
        ).json()
        name = made["tenant"]
        await add(hub, "ana@x.test", "owner", name)
        await hub.request("DELETE", f"/hub/v1/sandboxes/{name}", headers=AS_OPERATOR)
        found = hub.hub.ledger.read(lambda reads: reads.people.by_email("ana@x.test"))
        assert found is not None
        assert found.roles == ()


ROOT = Credential(id="c", kind="hub", name="n", tenant_id=0, scopes=("operator",))
SHOP = Tenant(7, "acme")


def test_two_who_invite_one_person_at_once_make_one(database_url: str) -> None:
    ledger = Ledger.open(database_url, RECORD_TYPES)
    ready, met = threading.Barrier(2), []

    def invite() -> None:
        ready.wait()
        try:
            with ledger.directory("") as (_, directory):
                people.invite(directory.people, ROOT, SHOP, "a@b.test", "", Role.OWNER, 1)
        except (IntegrityError, people.CommandRejected) as error:
            met.append(error)

    threads = [threading.Thread(target=invite) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(met) == 1
    assert len(ledger.read(lambda reads: reads.people.of_tenant(7))) == 1
    ledger.close()


def test_two_owners_who_leave_at_once_do_not_both(database_url: str) -> None:
    ledger = Ledger.open(database_url, RECORD_TYPES)
    with ledger.directory("") as (_, directory):
        for name in ("a", "b"):
            directory.people.add(Person(uid=name, email=f"{name}@x.test", roles=((7, Role.OWNER),)))
    ready, met = threading.Barrier(2), []

    def leave(name: str) -> None:
        ready.wait()
        try:
            with ledger.directory("") as (_, directory):
                people.change_role(directory.people, ROOT, SHOP, name, None)
        except Exception as error:  # noqa: BLE001 - a deadlock is an answer too
            met.append(error)

    threads = [threading.Thread(target=leave, args=(each,)) for each in ("a", "b")]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(met) == 1
    assert isinstance(met[0], HTTPFault) or Ledger.is_passing(met[0])
    assert len(ledger.read(lambda reads: reads.people.of_tenant(7))) == 1
    ledger.close()


def orderhub(url: str, *words: str, fails: bool = False) -> Any:
    result = CliRunner().invoke(app, [*words, "--database", url])
    assert (result.exit_code == 2) is fails, result.output
    return result.output if fails else json.loads(result.stdout)


def test_the_command_line_does_the_same(database_url: str) -> None:
    orderhub(database_url, "init", "--empty")
    orderhub(database_url, "tenant", "create", "acme")
    made = orderhub(database_url, "user", "add", "acme", "ana@acme.test", "--role", "owner")
    assert made["link"].startswith("http://127.0.0.1:8080/desk/welcome?link=")
    said = orderhub(database_url, "user", "add", "acme", "ana", fails=True)
    assert "EMAIL: email is an address" in said
    orderhub(database_url, "user", "add", "acme", "bo@acme.test", "--name", "Bo")
    listed = orderhub(database_url, "user", "list", "acme")
    assert [(each["name"], each["role"]) for each in listed] == [(None, "owner"), ("Bo", "staff")]
    role = orderhub(database_url, "user", "role", "acme", "bo@acme.test", "manager")
    assert role["role"] == "manager"
    assert orderhub(database_url, "user", "reset", "acme", "bo@acme.test")["link"]
    assert orderhub(database_url, "user", "disable", "acme", "bo@acme.test")["enabled"] is False
    undone = orderhub(database_url, "user", "disable", "acme", "bo@acme.test", "--undo")
    assert undone["enabled"] is True
    assert orderhub(database_url, "user", "role", "acme", "bo@acme.test", "none")["role"] is None
    root = orderhub(database_url, "user", "add", "operator", "op@x.test", "--role", "operator")
    assert root["role"] == "operator"
