"""/hub/v1/webhooks: written, changed, rotated, deleted; and what they send, to a real receiver, seen from outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

from orderhub.core.feed import KINDS
from orderhub.core.webhooks import RECORD_KIND
from orderhub.web.docs import reference
from orderhub.web.hub_api import webhooks
from orderhub.web.hub_api.docs import document_of
from tests.support.dialects import HUB
from tests.support.hub import SECRET_KEY, HubUnderTest, running_hub
from tests.support.receivers import Answered, Came, Receiver
from tests.support.receivers import receiver as receiving
from tests.support.waiting import until
from tests.web.hub_client import (
    AS_CDP,
    AS_OPERATOR,
    AS_SHOP,
    new_token,
    problem_of,
    record,
    sell,
    token,
)

pytestmark = pytest.mark.usefixtures("brisk")

ALL = "/hub/v1/webhooks"
QUIET = {"url": "https://hooks.shop.example/orders", "enabled": False}


async def made(hub: HubUnderTest, headers: Any = AS_SHOP, **members: Any) -> dict[str, Any]:
    answer = await hub.post(ALL, {**QUIET, **members}, headers=headers)
    assert answer.status_code == 201, answer.text
    whole: dict[str, Any] = answer.json()
    return whole


async def sending(hub: HubUnderTest, receiver: Receiver, **members: Any) -> dict[str, Any]:
    return await made(hub, url=receiver.url, enabled=True, **members)


async def ask(hub: HubUnderTest, method: str, path: str, json: Any = None, **more: Any) -> Any:
    answer = await hub.request(method, f"{ALL}/{path}", json=json, headers={**AS_SHOP, **more})
    assert answer.status_code < 300, answer.text
    return answer.json() if answer.content else None


async def came(receiver: Receiver, count: int) -> list[Came]:
    return await asyncio.to_thread(receiver.wait_for, count)


async def deliveries(hub: HubUnderTest, webhook: dict[str, Any], query: str = "") -> Any:
    return (await ask(hub, "GET", f"{webhook['id']}/deliveries{query}"))["items"]


# --- written


async def test_a_secret_is_shown_once(demo_url: str) -> None:
    async with running_hub(demo_url) as hub:
        answer = await hub.post(ALL, {**QUIET, "title": "stock"}, headers=AS_SHOP)
        shown = answer.json()
        assert shown["secret"].startswith("whsec_")
        assert answer.headers["location"] == f"{ALL}/{shown['id']}"
        assert answer.headers["etag"] == '"1"'
        one = await hub.get(f"{ALL}/{shown['id']}", headers=AS_SHOP)
        listed = await hub.get(ALL, headers=AS_SHOP)
        for each in (one.json(), listed.json()["items"][0]):
            assert "secret" not in each
            assert (each["title"], each["enabled"], each["format"]) == ("stock", False, "hub")
            assert (each["kinds"], each["channels"], each["options"]) == ([], [], {})
            assert (each["disabled_reason"], each["failing_since"]) == (None, None)
        stored = hub.hub.ledger.read(
            lambda reads: reads.record(reads.tenant("shop").id, RECORD_KIND, "uid", shown["id"])
        )
        assert stored is not None
        assert shown["secret"] not in repr(stored)
        logged = await hub.get("/hub/v1/requests?status=201", headers=AS_SHOP)
        for each in logged.json()["items"]:
            kept = await hub.get(f"/hub/v1/requests/{each['id']}", headers=AS_SHOP)
            assert "[secret]" in kept.json()["answer"]["body"]
            assert shown["secret"] not in kept.text


async def test_a_list_has_pages_and_is_of_one_tenant(demo_url: str) -> None:
    async with running_hub(demo_url) as hub:
        names = [(await made(hub, title=str(number)))["id"] for number in range(3)]
        await made(hub, AS_CDP)
        first = (await hub.get(f"{ALL}?limit=2", headers=AS_SHOP)).json()
        rest = await hub.get(f"{ALL}?limit=2&cursor={first['next_cursor']}", headers=AS_SHOP)
        found = [each["id"] for each in (*first["items"], *rest.json()["items"])]
        assert (found, rest.json()["next_cursor"]) == (names, None)
        of_shop = await hub.get(f"{ALL}?tenant=shop", headers=AS_OPERATOR)
        assert [each["id"] for each in of_shop.json()["items"]] == names
        for path in ("", f"/{names[0]}"):
            unsaid = await hub.get(f"{ALL}{path}", headers=AS_OPERATOR)
            assert (unsaid.status_code, problem_of(unsaid)) == (400, "invalid")
            assert unsaid.json()["errors"][0]["field"] == "tenant"
        theirs = await hub.get(f"{ALL}/{names[0]}", headers=AS_CDP)
        assert (theirs.status_code, problem_of(theirs)) == (404, "record_unknown")


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"kinds": ["order.paid", "order.sold"]}, "kinds[1]", "order.sold is none of order.placed"),
    ({"channels": ["shopify"]}, "channels[0]", "shopify is none of anqicms, "),
    ({"url": "http://8.8.8.8/hook"}, "url", "url "),
    ({"url": "https://10.0.0.1/hook"}, "url", "url "),
    ({"url": "https://169.254.169.254/latest"}, "url", "url "),
    ({"url": "https://0x0a000001/"}, "url", "url "),
    ({"url": "https://[::ffff:10.0.0.1]/"}, "url", "url "),
    ({"url": "https://me:secret@hooks.shop.example/"}, "url", "url "),
    ({"url": "hooks.shop.example"}, "url", "url "),
    ({"url": ""}, "url", "url"),
    ({"format": "shopify"}, "format", "format is one of hub"),
    ({"options": {"a": "b"}}, "options.a", "the format hub reads none"),
    ({"after": "nonsense"}, "after", "after is no cursor of the feed"),
    ({"kind": ["order.paid"]}, "kind", "unknown field"),
    ({"url": 7}, "url", "url"),
]


async def test_what_is_wrong_is_named(demo_url: str) -> None:
    async with running_hub(demo_url) as hub:
        one = await made(hub)
        for members, field, says in WRONG:
            tried = [await hub.post(ALL, {**QUIET, **members}, headers=AS_SHOP)]
            if field not in ("format", "after", "kind"):  # no members of a change
                path = f"{ALL}/{one['id']}"
                tried += [await hub.request("PATCH", path, json=members, headers=AS_SHOP)]
            for answer in tried:
                assert (answer.status_code, problem_of(answer)) == (400, "invalid"), answer.text
                error = answer.json()["errors"][0]
                assert (error["field"], says in error["message"]) == (field, True), error
        (left,) = (await hub.get(ALL, headers=AS_SHOP)).json()["items"]
        assert left["id"] == one["id"]


async def test_all_that_is_wrong_is_said_at_once(demo_url: str) -> None:
    async with running_hub(demo_url) as hub:
        wrong = {"url": "https://10.0.0.1/", "kinds": ["a", "order.paid", "b"], "channels": ["c"]}
        answer = await hub.post(ALL, wrong, headers=AS_SHOP)
        fields = [each["field"] for each in answer.json()["errors"]]
        assert fields == ["kinds[0]", "kinds[2]", "channels[0]", "url"]


async def test_a_tenant_that_is_no_sandbox_reaches_no_loopback(demo_url: str) -> None:
    async with running_hub(demo_url) as hub:
        local = {"url": "http://127.0.0.1:9/hook", "enabled": False}
        assert (await hub.post(ALL, local, headers=AS_SHOP)).status_code == 201
        await hub.settings("shop", sandbox=False)
        answer = await hub.post(ALL, local, headers=AS_SHOP)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "url")


async def test_a_change_guards_against_a_lost_update(demo_url: str) -> None:
    async with running_hub(demo_url) as hub:
        one = await made(hub, kinds=["order.paid"])
        path = f"{ALL}/{one['id']}"
        changes = {"kinds": [], "title": "all of it", "channels": ["anqicms"]}
        answer = await hub.request(
            "PATCH", path, json=changes, headers={**AS_SHOP, "If-Match": '"1"'}
        )
        assert answer.headers["etag"] == '"2"'
        assert {name: answer.json()[name] for name in changes} == changes
        assert "secret" not in answer.json()
        for method, body in (("PATCH", {"title": "late"}), ("DELETE", None)):
            late = await hub.request(
                method, path, json=body, headers={**AS_SHOP, "If-Match": '"1"'}
            )
            assert (late.status_code, problem_of(late)) == (412, "version_conflict")
        nothing = await hub.request("PATCH", path, json={}, headers=AS_SHOP)
        assert nothing.headers["etag"] == '"2"', "what changes nothing leaves no trace"


async def test_a_repeat_of_a_delete_is_answered_like_the_first(demo_url: str) -> None:
    async with running_hub(demo_url) as hub:
        path = f"{ALL}/{(await made(hub))['id']}"
        keyed = {**AS_SHOP, "Idempotency-Key": "gone"}
        assert (await hub.request("DELETE", path, headers=keyed)).status_code == 204
        again = await hub.request("DELETE", path, headers=keyed)
        assert (again.status_code, again.headers["idempotent-replayed"]) == (204, "true")
        for method, rest in (("DELETE", ""), ("PATCH", ""), ("GET", ""), ("POST", "/rotate")):
            answer = await hub.request(method, path + rest, headers=AS_SHOP)
            assert (answer.status_code, problem_of(answer)) == (404, "record_unknown"), method
        assert (await hub.get(ALL, headers=AS_SHOP)).json()["items"] == []


async def test_a_dry_run_leaves_nothing_and_shows_no_secret(demo_url: str) -> None:
    async with running_hub(demo_url) as hub, receiver_of() as receiver:
        dry = {**AS_SHOP, "Hub-Dry-Run": "true"}
        answer = await hub.post(ALL, QUIET, headers=dry)
        assert (answer.status_code, "secret" in answer.json()) == (201, False)
        assert (await hub.get(ALL, headers=AS_SHOP)).json()["items"] == []
        one = await made(hub, url=receiver.url)
        sale = await record(hub, 1)
        assert sale
        event = (await hub.get("/hub/v1/events?limit=1&tenant=cdp", headers=AS_OPERATOR)).json()
        assert event["items"]
        for rest, body in (
            ("rotate", None),
            ("test", None),
            ("replay", {"from": "2024-01-01T00:00:00Z"}),
        ):
            answer = await hub.post(f"{ALL}/{one['id']}/{rest}", body, headers=dry)
            assert answer.status_code in (200, 202), answer.text
            assert answer.headers["hub-dry-run"] == "true"
            assert "secret" not in answer.json()
        shown = await ask(hub, "GET", one["id"])
        assert (shown["old_secret_until"], shown["replays"]) == (None, 0)
        assert await deliveries(hub, one) == []
        assert receiver.calls == []


async def test_a_tenant_has_so_many_and_no_more(
    demo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "MOST_WEBHOOKS", 2)
    async with running_hub(demo_url) as hub:
        await made(hub)
        await made(hub)
        answer = await hub.post(ALL, QUIET, headers=AS_SHOP)
        assert (answer.status_code, problem_of(answer)) == (409, "transition_not_allowed")
        assert answer.json()["detail"] == "a tenant has at most 2 webhooks"


async def test_without_a_key_no_secret_is_kept(demo_url: str) -> None:
    async with running_hub(demo_url) as hub:
        hub.hub.port.cipher = type(hub.hub.port.cipher)("")
        answer = await hub.post(ALL, QUIET, headers=AS_SHOP)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "secret")
        assert "ORDERHUB_SECRET_KEY" in answer.json()["detail"]


# --- sent


@asynccontextmanager
async def receiver_of(answer: Callable[[Came], Answered] | None = None) -> AsyncIterator[Receiver]:
    """A receiver whose context can stand beside a hub's."""
    with receiving() as found:
        found.answer = answer or found.answer
        yield found


async def test_what_happens_is_posted_signed_and_in_order(demo_url: str) -> None:
    async with running_hub(demo_url) as hub, receiver_of() as receiver:
        one = await sending(hub, receiver, kinds=["order.placed", "order.paid", "pool.out"])
        order = await sell(hub)
        await hub.pay(order["uid"])
        await hub.ship(order["uid"])
        await hub.adjust("shop", "stock", "product:188", "MAIN", -997)
        posts = await came(receiver, 3)
        messages = [each.verified(one["secret"]) for each in posts]
        of_order = [each["type"] for each in messages if each["data"]["order"]]
        assert of_order == ["order.placed", "order.paid"]
        fed = (await hub.get("/hub/v1/events?limit=1000", headers=AS_SHOP)).json()["items"]
        by_id = {each["id"]: each for each in fed}
        for posted, message in zip(posts, messages, strict=True):
            assert posted.headers["content-type"] == "application/json"
            assert message["data"]["event"] == by_id[posted.id]
            assert message["type"] == message["data"]["event"]["kind"]
            assert message["timestamp"] == message["data"]["event"]["recorded_at"]
            whole = message["data"]["order"]
            if message["type"] == "pool.out":
                assert whole is None
            else:
                assert whole["version"] >= message["data"]["event"]["version"]
                shown = await hub.order(order["uid"])
                assert set(whole) == set(shown) - {"draws", "events", "request"}
                same = ("uid", "tenant", "dialect", "total", "taxes", "ship_to", "contact")
                assert {name: whole[name] for name in same} == {name: shown[name] for name in same}
        found = await until(
            lambda: deliveries(hub, one), lambda items: [e["state"] for e in items] == ["sent"] * 3
        )
        assert {each["event"] for each in found} == {each.id for each in posts}
        assert [each["attempts"][0]["status"] for each in found] == [204] * 3
        shown = await until(
            lambda: ask(hub, "GET", one["id"]), lambda it: it["behind"] == it["waiting"] == 0
        )
        assert shown["failing_since"] is None


async def test_only_what_came_by_its_doors_is_sent(demo_url: str) -> None:
    async with running_hub(demo_url) as hub, receiver_of() as receiver:
        await sending(hub, receiver, channels=["sitecore_cdp"])
        await sell(hub)
        sale = await hub.post(
            "/v2.1/orders",
            {
                "referenceId": "X1",
                "orderedAt": "2024-01-01T16:17:16Z",
                "price": 1,
                "currencyCode": "EUR",
            },
            headers=AS_SHOP,
        )
        (posted,) = await came(receiver, 1)
        assert posted.json["data"]["event"]["order"] == sale.json()["ref"]
        assert posted.json["data"]["event"]["dialect"] == "sitecore_cdp"


async def test_it_begins_behind_any_cursor(demo_url: str) -> None:
    async with running_hub(demo_url) as hub, receiver_of() as receiver:
        order = await sell(hub)
        await sending(hub, receiver, after="")
        (posted,) = await came(receiver, 1)
        assert posted.json["data"]["order"]["uid"] == order["uid"]


async def test_a_failure_is_listed_and_holds_up_its_order_alone(demo_url: str) -> None:
    held: set[str] = set()

    def reply(posted: Came) -> Answered:
        is_held = posted.json["data"]["event"]["order"] in held
        return (500, {}, b"taken") if is_held else 204

    async with running_hub(demo_url) as hub, receiver_of(reply) as receiver:
        one = await sending(hub, receiver)
        bad, good = await sell(hub, 1), await sell(hub, 1)
        await came(receiver, 2)
        held.add(bad["uid"])
        await hub.pay(bad["uid"])
        await hub.ship(bad["uid"])
        await hub.pay(good["uid"])
        waiting = await until(
            lambda: deliveries(hub, one, "?state=waiting"), lambda items: len(items) == 2
        )
        behind, first = waiting
        assert (first["kind"], first["tries"]) == ("order.paid", 1)
        assert first["attempts"][0]["status"] == 500
        assert first["attempts"][0]["answer"] == "taken"
        assert first["next_attempt_at"] is not None
        assert (behind["kind"], behind["tries"], behind["attempts"]) == ("order.shipped", 0, [])
        assert behind["next_attempt_at"] is None
        posts = await came(receiver, 4)
        paid = [each.json["data"]["event"]["order"] for each in posts[2:]]
        assert sorted(paid) == sorted([bad["uid"], good["uid"]])
        # Whoever changes the webhook has a reason to believe that it works now.
        held.clear()
        await ask(hub, "PATCH", one["id"], {"title": "mended"})
        posts = await came(receiver, 6)
        assert [each.json["type"] for each in posts[4:]] == ["order.paid", "order.shipped"]
        assert posts[4].id in {each.id for each in posts[2:4]}, "one id over all attempts"
        await until(lambda: deliveries(hub, one, "?state=waiting"), lambda items: items == [])


async def test_events_and_stretches_of_time_are_sent_again(demo_url: str) -> None:
    async with running_hub(demo_url) as hub, receiver_of() as receiver:
        one = await sending(hub, receiver)
        order = await sell(hub)
        await hub.pay(order["uid"])
        first = await came(receiver, 2)
        again = await ask(hub, "POST", f"{one['id']}/replay", {"events": [first[1].id]})
        assert len(again["deliveries"]) == 1
        posts = await came(receiver, 3)
        assert posts[2].id == first[1].id
        stretch = {"from": "2024-01-01T00:00:00Z"}
        begun = await ask(hub, "POST", f"{one['id']}/replay", stretch)
        assert (begun["deliveries"], begun["from"]) == ([], stretch["from"])
        posts = await came(receiver, 5)
        assert [each.id for each in posts[3:]] == [each.id for each in first]
        found = await until(lambda: deliveries(hub, one), lambda items: len(items) == 5)
        assert sorted(each["cause"] for each in found) == ["event"] * 2 + ["replay"] * 3


WRONG_REPLAYS: list[tuple[Any, str, str]] = [
    ({}, "events", "say which events"),
    ({"events": []}, "events", "events"),
    ({"events": ["evt_0"]}, "events[0]", "there is no event evt_0"),
    ({"events": ["x"], "from": "2024-01-01T00:00:00Z"}, "events", "say which events"),
    ({"events": ["x"], "to": "2024-01-01T00:00:00Z"}, "to", "to goes with from"),
    ({"to": "2024-01-01T00:00:00Z"}, "events", "say which events"),
    ({"from": "yesterday"}, "from", "ISO 8601"),
    ({"from": "2999-01-01T00:00:00Z"}, "from", "from is before to"),
    ({"form": "2024-01-01T00:00:00Z"}, "form", "unknown field"),
]


async def test_what_is_wrong_with_a_replay_is_named(demo_url: str) -> None:
    async with running_hub(demo_url) as hub:
        one = await made(hub)
        for body, field, says in WRONG_REPLAYS:
            answer = await hub.post(f"{ALL}/{one['id']}/replay", body, headers=AS_SHOP)
            assert (answer.status_code, problem_of(answer)) == (400, "invalid"), answer.text
            error = answer.json()["errors"][0]
            assert (error["field"], says in error["message"]) == (field, True), error
        assert await deliveries(hub, one) == []


async def test_another_tenants_event_is_not_sent_again(demo_url: str) -> None:
    async with running_hub(demo_url) as hub:
        await record(hub, 1)
        theirs = (await hub.get("/hub/v1/events", headers=AS_CDP)).json()["items"][0]["id"]
        one = await made(hub)
        answer = await hub.post(f"{ALL}/{one['id']}/replay", {"events": [theirs]}, headers=AS_SHOP)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "events[0]")


async def test_what_is_wrong_with_a_list_of_deliveries_is_named(demo_url: str) -> None:
    async with running_hub(demo_url) as hub:
        one = await made(hub)
        for query, field in (
            ("state=lost", "state"),
            ("cursor=x", "cursor"),
            ("limit=0", "limit"),
            ("page=2", "page"),
        ):
            answer = await hub.get(f"{ALL}/{one['id']}/deliveries?{query}", headers=AS_SHOP)
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


async def test_a_rotated_secret_signs_for_a_day_beside_the_new_one(
    demo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_hub(demo_url) as hub, receiver_of() as receiver:
        one = await sending(hub, receiver)
        new = await ask(hub, "POST", f"{one['id']}/rotate")
        assert new["secret"] != one["secret"]
        shown = await ask(hub, "GET", one["id"])
        assert shown["old_secret_until"] == new["old_secret_until"] is not None
        await sell(hub)
        (posted,) = await came(receiver, 1)
        for secret in (one["secret"], new["secret"]):
            assert posted.verified(secret)["type"] == "order.placed"
        # The day is over.
        monkeypatch.setattr(webhooks, "OLD_SECRET_US", 1)
        last = await ask(hub, "POST", f"{one['id']}/rotate")
        assert last["secret"] not in (one["secret"], new["secret"])
        await sell(hub)
        posted = (await came(receiver, 2))[1]
        assert posted.verified(last["secret"])
        with pytest.raises(WebhookVerificationError):
            posted.verified(new["secret"])


async def test_two_who_rotate_at_once_both_have_a_secret_that_signs(demo_url: str) -> None:
    async with running_hub(demo_url) as hub, receiver_of() as receiver:
        one = await sending(hub, receiver)
        both = await asyncio.gather(*(ask(hub, "POST", f"{one['id']}/rotate") for _ in range(3)))
        await sell(hub)
        (posted,) = await came(receiver, 1)
        for each in (one, *both):
            assert posted.verified(each["secret"])


async def test_secrets_are_not_rotated_without_end(demo_url: str) -> None:
    async with running_hub(demo_url) as hub:
        path = f"{ALL}/{(await made(hub))['id']}/rotate"
        found = [await hub.post(path, headers=AS_SHOP) for _ in range(webhooks.MOST_SECRETS)]
        assert [each.status_code for each in found] == [200] * (len(found) - 1) + [409]
        assert "24 hours" in found[-1].json()["detail"]


async def test_a_test_message_says_at_once_what_the_receiver_said(
    demo_url: str, tmp_path: Path
) -> None:
    status = [201]

    def answer(_posted: Came) -> Answered:
        return status[0], {}, b"taken"

    async with running_hub(demo_url) as hub, receiver_of(answer) as receiver:
        one = await made(hub, url=receiver.url)
        said = await ask(hub, "POST", f"{one['id']}/test")
        assert (said["status"], said["answer"], said["error"]) == (201, "taken", None)
        (posted,) = receiver.calls
        message = posted.verified(one["secret"])
        assert message["type"] == "webhook.test"
        assert message["data"]["order"] is None
        status[0] = 404
        assert (await ask(hub, "POST", f"{one['id']}/test"))["status"] == 404
        found = await deliveries(hub, one)
        assert [(each["cause"], each["kind"]) for each in found] == [("test", "webhook.test")] * 2
        assert [each["attempts"][0]["status"] for each in found] == [404, 201]
        assert not [each for each in found if each["state"] == "waiting"], "it is sent once"
    async with running_hub(tmp_path) as hub:
        one = await made(hub, url=receiver.url)
        said = await ask(hub, "POST", f"{one['id']}/test")
        assert (said["status"], bool(said["error"])) == (None, True)


async def test_one_that_is_gone_is_switched_off_says_so_and_catches_up(demo_url: str) -> None:
    status = [410]
    async with running_hub(demo_url) as hub, receiver_of(lambda _posted: status[0]) as receiver:
        one = await sending(hub, receiver)
        await sell(hub, 1)
        off = await until(lambda: ask(hub, "GET", one["id"]), lambda it: not it["enabled"])
        assert (off["disabled_reason"], off["disabled_at"] is not None) == ("gone", True)
        (told,) = (await hub.get("/hub/v1/events?kinds=webhook.off", headers=AS_SHOP)).json()[
            "items"
        ]
        assert (told["data"]["webhook"], told["data"]["reason"]) == (one["id"], "gone")
        before = len(receiver.calls)
        await sell(hub, 1)
        status[0] = 204
        on = await ask(hub, "PATCH", one["id"], {"enabled": True})
        assert (on["enabled"], on["disabled_reason"], on["disabled_at"]) == (True, None, None)
        posts = await came(receiver, before + 2)
        kinds = [each.json["type"] for each in posts[before:]]
        assert kinds.count("order.placed") >= 1


async def test_who_was_switched_off_on_purpose_goes_on_where_it_was(demo_url: str) -> None:
    async with running_hub(demo_url) as hub, receiver_of() as receiver:
        one = await sending(hub, receiver)
        await sell(hub, 1)
        await came(receiver, 1)
        await ask(hub, "PATCH", one["id"], {"enabled": False})
        missed = await sell(hub, 1)
        shown = await ask(hub, "GET", one["id"])
        assert (shown["enabled"], shown["disabled_reason"]) == (False, None)
        assert shown["behind"] >= 1
        await ask(hub, "PATCH", one["id"], {"enabled": True})
        posted = (await came(receiver, 2))[1]
        assert posted.json["data"]["order"]["uid"] == missed["uid"]


async def test_what_is_deleted_is_told_no_more(demo_url: str) -> None:
    async with running_hub(demo_url) as hub, receiver_of() as receiver, receiver_of() as other:
        one, _two = await sending(hub, receiver), await sending(hub, other)
        await ask(hub, "DELETE", one["id"])
        await sell(hub, 1)
        await came(other, 1)
        assert receiver.calls == []


async def test_a_new_key_of_the_hub_s_takes_secrets_along(demo_url: str) -> None:
    async with receiver_of() as receiver:
        async with running_hub(demo_url) as hub:
            one = await sending(hub, receiver)
        # A key is given at the start, and with it to the process that sends.
        both = {"secret_key": "another key", "secret_key_old": SECRET_KEY}
        async with running_hub(demo_url, **both) as hub:
            answer = await hub.post("/hub/v1/secrets/rotate", headers=AS_OPERATOR)
            assert answer.status_code == 200, answer.text
        async with running_hub(demo_url, secret_key="another key") as hub:
            await sell(hub, 1)
            (posted,) = await came(receiver, 1)
        assert posted.verified(one["secret"])


async def test_webhooks_need_their_scope(demo_url: str) -> None:
    async with running_hub(demo_url) as hub:
        having = await new_token(hub, "shop", "webhooks")
        assert (await hub.get(ALL, headers=token(having["token"]))).status_code == 200
        without = await new_token(hub, "shop", "orders:read", "orders:write")
        answer = await hub.get(ALL, headers=token(without["token"]))
        assert (answer.status_code, answer.json()["detail"]) == (
            403,
            "the token lacks the scope webhooks",
        )


def test_what_is_posted_is_in_the_openapi_document() -> None:
    told = document_of(HUB)[0]["webhooks"]
    assert list(told) == [*KINDS]
    reached = reference.Reached("http://hub.test", "")
    place = next(iter(told.values()))["post"]["operationId"]
    page = reference.part(HUB, document_of(HUB)[0], place, reached) or ""
    assert [kind for kind in KINDS if f"<code>{kind}</code>" not in page] == []
