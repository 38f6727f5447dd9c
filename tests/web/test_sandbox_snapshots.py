"""A sandbox is kept as it is, put back and reset: nothing of the time in between is left, and nothing of it is met."""

import asyncio

import msgspec
import pytest
from sqlalchemy import func, select, update

from orderhub.core.facts import TenantGone
from orderhub.core.feed import FeedPlace
from orderhub.core.snapshots import KEPT_DAYS, MOST_KEPT
from orderhub.delivery.feed import CursorUnknown, cursor_of, moved, place_of
from orderhub.ledger import snapshots
from orderhub.ledger.check import check_ledger, repair_ledger
from orderhub.ledger.tables import credential, metadata, webhook_state
from tests.support.hub import HubUnderTest, operator_headers, running_hub

SANDBOXES = "/hub/v1/sandboxes"
ORDER = {
    "orderAddress": {"country": "FR", "phone": "1", "recipient": "L", "province": "C"},
    "orderItemsList": [{"sku": "MUG_WHT", "quantity": 1}],
}


class Shop:
    """A sandbox, by its own token."""

    def __init__(self, hub: HubUnderTest, made: dict) -> None:
        self.hub, self.tenant = hub, made["tenant"]
        self.vendor = {"Authorization": f"Bearer {made['credentials'][0]['token']}"}
        self.own = {"Authorization": f"Bearer {made['hub_token']}"}
        self.path = f"{SANDBOXES}/{self.tenant}"

    async def place(self, **headers):
        answer = await self.hub.post(
            "/openapi/v1/order/order", ORDER, headers={**self.vendor, **headers}
        )
        assert answer.json()["code"] == 10000, answer.text
        return answer.json()["data"]

    async def ask(self, method, path, expected=200, body=None, **headers):
        answer = await self.hub.request(method, path, json=body, headers={**self.own, **headers})
        assert answer.status_code == expected, answer.text
        return answer.json() if answer.content else None

    async def keep(self):
        return (await self.ask("POST", f"{self.path}/snapshots", 201))["id"]

    async def restore(self, name, expected=200, **headers):
        return await self.ask("POST", f"{self.path}/snapshots/{name}/restore", expected, **headers)

    async def reset(self):
        return await self.ask("POST", f"{self.path}/reset")

    async def events(self, after=""):
        return await self.ask("GET", f"/hub/v1/events?after={after}")

    def id(self):
        ledger = self.hub.hub.ledger
        return {t.name: t.id for t in ledger.read(lambda reads: reads.tenants())}[self.tenant]

    def content(self):
        """Its rows by table, but for what ids were only set aside."""
        found = self.hub.hub.ledger.look_at(self.id())
        return {name: sorted(rows) for name, rows in found.items() if name != "counter"}


async def opened(hub: HubUnderTest) -> Shop:
    made = await hub.post(SANDBOXES, {"dialect": "kakaclo"}, headers=operator_headers())
    return Shop(hub, made.json())


async def test_it_is_as_it_was_on_both_databases(demo_url):
    async with running_hub(demo_url) as hub:
        shop, other = await opened(hub), await opened(hub)
        await other.place()
        await hub.freeze(shop.tenant, "2026-01-02T03:04:05Z")
        await shop.place(**{"Idempotency-Key": "first"})
        kept, before, beside = await shop.keep(), shop.content(), other.content()
        left = await hub.pool(shop.tenant, "stock", _mug(before))
        numbers = []
        for _ in range(2):
            await hub.advance(shop.tenant, 3_600)
            numbers.append(await shop.place(**{"Idempotency-Key": "second"}))
            await shop.place()
            assert len(await hub.orders(shop.tenant)) == 3
            was = shop.id()
            told = await shop.restore(kept)
            assert (told["tenant"], told["snapshot"]) == (shop.tenant, kept)
            assert shop.content() == before
            assert await hub.pool(shop.tenant, "stock", _mug(before)) == left
            _nothing_left(hub, was)
        assert numbers[0] == numbers[1]
        clock = await shop.ask("GET", f"/hub/v1/tenants/{shop.tenant}/clock")
        assert clock["now"] == "2026-01-02T03:04:05Z"
        # A key of then is known, one of the time in between is not.
        replayed = await hub.post(
            "/openapi/v1/order/order", ORDER, headers={**shop.vendor, "Idempotency-Key": "first"}
        )
        assert replayed.headers["Idempotent-Replayed"] == "true"
        assert len(await hub.orders(shop.tenant)) == 1
        assert other.content() == beside


async def test_a_reset_is_the_day_it_was_opened_with_the_credentials_of_now(demo_url):
    async with running_hub(demo_url) as hub:
        shop = await opened(hub)
        begun = shop.content()
        first = await shop.place()
        credentials = f"/hub/v1/tenants/{shop.tenant}/credentials"
        items = (await shop.ask("GET", credentials))["items"]
        vendor = next(each for each in items if each["kind"] == "kakaclo")
        plan = {"faults": [{"kind": "error_before", "times": 9}]}
        await shop.ask("PUT", f"{credentials}/{vendor['id']}/faults", body=plan)
        assert (await shop.reset())["snapshot"] == "opened"
        assert shop.content() == begun
        assert await shop.place() == first
        assert [each["id"] for each in (await shop.ask("GET", credentials))["items"]] == [
            each["id"] for each in items
        ]


async def test_readers_of_the_feed_begin_again_and_miss_nothing(demo_url):
    async with running_hub(demo_url) as hub:
        shop = await opened(hub)
        await shop.place()
        kept = await shop.keep()
        await shop.place()
        before = await shop.events()
        await shop.restore(kept)
        refused = await hub.get(f"/hub/v1/events?after={before['next_cursor']}", headers=shop.own)
        assert refused.status_code == 400
        assert "before it was restored" in refused.text
        again = await shop.events()
        assert [each["id"] for each in again["items"]] == [before["items"][0]["id"]]
        await shop.place()
        assert len((await shop.events(again["next_cursor"]))["items"]) == 1


async def test_webhooks_go_on_from_where_they_were(tmp_path):
    async with running_hub(tmp_path) as hub:
        shop = await opened(hub)
        new = {"url": "http://127.0.0.1:9/nobody", "kinds": ["order.placed"]}
        webhooks = "/hub/v1/webhooks"
        made = await shop.ask("POST", webhooks, 201, new)
        kept = await shop.keep()
        await shop.place()
        await shop.restore(kept)
        found = await shop.ask("GET", f"{webhooks}/{made['id']}")
        assert found["url"] == new["url"]
        with hub.hub.ledger.engine.connect() as connection:
            for row in connection.execute(select(webhook_state)):
                assert row.tenant_id == shop.id()
                assert place_of(row.cursor, row.tenant_id) is not None


def test_a_cursor_is_moved_to_the_same_place() -> None:
    place = FeedPlace((1, 2, 3), {0: 7, 5: 9})
    assert place_of(moved(cursor_of(4, place), 6), 6) == place
    assert (moved("", 6), moved("end", 6)) == ("", "end")
    with pytest.raises(CursorUnknown):
        moved("x", 6)


async def test_a_test_clock_that_runs_goes_on_from_its_time_then(tmp_path):
    async with running_hub(tmp_path) as hub:
        shop = await opened(hub)
        path = f"/hub/v1/tenants/{shop.tenant}/clock"
        await shop.ask("POST", path, body={"action": "run", "at": "2026-01-02T00:00:00Z"})
        kept = await shop.keep()
        await shop.ask("POST", path, body={"action": "advance", "by_s": 86_400})
        await shop.restore(kept)
        assert (await shop.ask("GET", path))["now"].startswith("2026-01-02T00:0")


async def test_a_repeat_of_the_call_puts_nothing_back_again(tmp_path):
    async with running_hub(tmp_path) as hub:
        shop = await opened(hub)
        kept = await shop.keep()
        told = await shop.restore(kept, **{"Idempotency-Key": "back"})
        await shop.place()
        assert await shop.restore(kept, **{"Idempotency-Key": "back"}) == told
        assert len(await hub.orders(shop.tenant)) == 1
        await shop.restore(kept, **{"Hub-Dry-Run": "true"})
        assert len(await hub.orders(shop.tenant)) == 1
        await shop.ask("POST", f"{shop.path}/snapshots", 201, **{"Hub-Dry-Run": "true"})
        assert len((await shop.ask("GET", f"{shop.path}/snapshots"))["items"]) == 2


async def test_who_may_and_what_cannot_be(tmp_path, monkeypatch):
    async with running_hub(tmp_path) as hub:
        shop, other = await opened(hub), await opened(hub)
        kept = await shop.keep()
        await shop.restore("nothing", 404)
        await other.restore(kept, 404)  # each has its own
        theirs = await hub.post(f"{other.path}/reset", headers=shop.own)
        assert theirs.status_code == 404
        demo = await hub.post(f"{SANDBOXES}/dropship/reset", headers=operator_headers())
        assert (demo.status_code, "was not opened" in demo.text) == (404, True)
        monkeypatch.setattr(snapshots, "MOST_ROWS", 5)
        much = await hub.post(f"{shop.path}/snapshots", headers=shop.own)
        assert (much.status_code, "more than 5 rows" in much.text) == (409, True)
        needed = {
            "orders:write",
            "clock",
            "pools",
            "settings",
            "catalogue",
            "webhooks",
            "relay",
        }
        for scope in sorted(needed):
            scopes = needed - {scope}
            made = await shop.ask(
                "POST",
                f"/hub/v1/tenants/{shop.tenant}/credentials",
                201,
                {"kind": "hub", "scopes": sorted(scopes)},
            )
            token = {"Authorization": f"Bearer {made['token']}"}
            refused = await hub.post(f"{shop.path}/reset", headers=token)
            assert (refused.status_code, scope in refused.text) == (403, True)
        await hub.settings(shop.tenant, sandbox=False)
        ended = await hub.post(f"{shop.path}/reset", headers=operator_headers())
        assert (ended.status_code, "only a sandbox" in ended.text) == (409, True)


async def test_ten_are_kept_for_seven_days_and_that_of_the_opening_for_good(tmp_path):
    async with running_hub(tmp_path) as hub:
        shop = await opened(hub)
        kept = [await shop.keep() for _ in range(MOST_KEPT + 2)]
        items = (await shop.ask("GET", f"{shop.path}/snapshots"))["items"]
        assert [each["id"] for each in items] == [*reversed(kept[2:]), "opened"]
        assert items[-1]["ends_at"] is None
        await shop.restore(kept[0], 404)
        ledger, later = hub.hub.ledger, hub.hub.port.now_us() + KEPT_DAYS * 86_400_000_000 + 1
        assert [each.id for each in ledger.snapshots_of(shop.id(), later)] == ["opened"]
        assert ledger.purge_snapshots(later) == MOST_KEPT
        await shop.reset()


async def test_who_calls_while_it_is_put_back_is_told_to_come_again(demo_url, monkeypatch):
    async with running_hub(demo_url) as hub:
        shop = await opened(hub)
        await shop.place()
        port = hub.hub.port
        with monkeypatch.context() as patched:
            patched.setattr(port, "forget", lambda: None)  # as another process, for a moment
            await shop.reset()
            answer = await hub.post("/openapi/v1/order/order", ORDER, headers=shop.vendor)
            assert answer.json()["code"] != 10000
            assert answer.headers["Retry-After"] == "1"
        port.forget()
        await shop.place()
        assert len(await hub.orders(shop.tenant)) == 1


async def test_orders_that_come_meanwhile_are_of_before_or_are_told_to_come_again(demo_url):
    """And every law holds of what is there then: `running_hub` asks."""
    async with running_hub(demo_url) as hub:
        shop = await opened(hub)
        kept = await shop.keep()
        answers = []

        async def sell() -> None:
            for _ in range(15):
                answer = await hub.post("/openapi/v1/order/order", ORDER, headers=shop.vendor)
                answers.append(answer)

        async def put_back() -> None:
            for _ in range(8):
                await shop.restore(kept)

        await asyncio.gather(put_back(), *(sell() for _ in range(4)))
        told = {(each.status_code, each.json()["code"]) for each in answers}
        assert told <= {(200, 10000), (200, 10002), (503, 503)}, told
        await shop.restore(kept)
        assert await hub.orders(shop.tenant) == []
        was_there = {t.id for t in hub.hub.ledger.read(lambda reads: reads.tenants())}
        with hub.hub.ledger.engine.connect() as connection:
            for table in snapshots.OWN:
                found = set(connection.scalars(select(table.c.tenant_id).distinct()))
                assert found <= {0, *was_there}, table.name


async def test_another_schema_is_not_put_back(tmp_path, monkeypatch):
    async with running_hub(tmp_path) as hub:
        shop = await opened(hub)
        monkeypatch.setattr(snapshots, "_schema", lambda _: "another")
        refused = await hub.post(f"{shop.path}/reset", headers=shop.own)
        assert (refused.status_code, "another version" in refused.text) == (409, True)


def test_every_table_of_a_tenants_is_put_back_or_is_named_with_a_reason() -> None:
    of_tenants = {each.name for each in metadata.sorted_tables if "tenant_id" in each.c}
    assert of_tenants - {each.name for each in snapshots.OWN} == {
        *("credential", "person_role", "sandbox_snapshot"),
        *("request_log", "record_version"),
    }
    assert issubclass(TenantGone, LookupError)


def _mug(content) -> str:
    """The subject of the pool that an order draws on."""
    names = [each.name for each in metadata.tables["pool"].columns if each.name != "tenant_id"]
    drawn = [dict(zip(names, row, strict=True)) for row in content["pool"]]
    return next(each["subject"] for each in drawn if each["drawn"])


def _nothing_left(hub: HubUnderTest, tenant_id: int) -> None:
    with hub.hub.ledger.engine.connect() as connection:
        for table in metadata.sorted_tables:
            if "tenant_id" in table.c and table.name != "request_log":  # written a moment later
                left = select(func.count()).where(table.c.tenant_id == tenant_id)
                assert connection.execute(left).scalar_one() == 0, table.name


# --- whoever writes looks whether the tenant is still there

# Each way to write for a tenant: batches, the directory, what is kept beside them. `{}` is the sandbox's name.
WRITES = {
    "order": ("POST", "/openapi/v1/order/order", ORDER),
    "item": (
        "PUT",
        "/hub/v1/tenants/{}/catalogue/products/7000",
        {"doc": {"title": "x", "price": "1"}},
    ),
    "pool": (
        "POST",
        "/hub/v1/tenants/{}/pools/adjust",
        {"kind": "stock", "subject": "product:1", "place": "G006", "by": 1, "reason": "x"},
    ),
    "settings": ("PATCH", "/hub/v1/tenants/{}/settings", {"auto_close_s": 60}),
    "clock": ("POST", "/hub/v1/tenants/{}/clock", {"action": "freeze"}),
    "webhook": ("POST", "/hub/v1/webhooks", {"url": "http://127.0.0.1:9/x"}),
    "credential": (
        "POST",
        "/hub/v1/tenants/{}/credentials",
        {"kind": "hub", "scopes": ["orders:read"]},
    ),
    "user": ("POST", "/hub/v1/tenants/{}/users", {"email": "u@x.example", "role": "staff"}),
    "plan": (
        "POST",
        "/hub/v1/plans",
        {"dialect": "kakaclo", "path": "/openapi/v1/order/order", "body": ORDER},
    ),
    "snapshot": ("POST", f"{SANDBOXES}/{{}}/snapshots", None),
    "reset": ("POST", f"{SANDBOXES}/{{}}/reset", None),
}
LOADS = {
    "catalogue": (
        "/hub/v1/tenants/{}/catalogue/products:bulk",
        [{"id": 7000 + n, "doc": {"title": "x", "price": "1"}} for n in range(9)],
    ),
    "removals": ("/hub/v1/tenants/{}/catalogue/products:bulk", [{"code": "MUG", "delete": True}]),
    "pools": (
        "/hub/v1/tenants/{}/pools:bulk",
        [{"code": "TS_RED_M", "place": "G006", "by": 1, "reason": "x"}],
    ),
}


def put_back_elsewhere(hub: HubUnderTest, tenant_id: int) -> None:
    """Another process puts a sandbox back."""
    with hub.hub.ledger.directory("") as (_, directory):
        directory.restore(tenant_id, "opened", hub.hub.port.now_us(), moved)


def put_back_before(hub: HubUnderTest, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is written next comes once another process has just put the sandbox back."""
    port = hub.hub.port
    write, put = port.write, port.intake.put
    left = [shop.id()]

    def put_back() -> None:
        if left:
            put_back_elsewhere(hub, left.pop())

    async def write_late(work, *args, **more):
        put_back()
        return await write(work, *args, **more)

    def put_late(*args, **more) -> None:
        put_back()
        put(*args, **more)

    monkeypatch.setattr(port, "write", write_late)
    monkeypatch.setattr(port.intake, "put", put_late)


def left_of_nobody(hub: HubUnderTest) -> list[str]:
    return [str(each) for each in check_ledger(hub.hub.ledger.engine).breaches]


@pytest.mark.parametrize("name", WRITES)
async def test_what_is_written_for_who_was_put_back_is_told_to_come_again(
    demo_url, monkeypatch, name
):
    method, path, body = WRITES[name]
    async with running_hub(demo_url, errors_in_detail=True) as hub:
        shop = await opened(hub)
        headers = {**(shop.vendor if name == "order" else shop.own), "Idempotency-Key": "k"}
        await hub.get("/hub/v1/orders", headers=headers)
        with monkeypatch.context() as patched:
            put_back_before(hub, shop, patched)
            told = await hub.request(method, path.format(shop.tenant), json=body, headers=headers)
        assert (told.status_code, told.headers["Retry-After"]) == (503, "1"), told.text
        assert told.headers["Hub-Detail"] == "the sandbox was put back or removed meanwhile"
        assert left_of_nobody(hub) == []
        again = await hub.request(method, path.format(shop.tenant), json=body, headers=headers)
        assert again.status_code in (200, 201), again.text
        assert left_of_nobody(hub) == []


@pytest.mark.parametrize("name", ["item", "pool", "settings", "clock", "credential"])
async def test_another_process_tells_its_caller_to_come_again_once(tmp_path, name):
    method, path, body = WRITES[name]
    async with running_hub(tmp_path) as hub:
        shop = await opened(hub)
        await shop.ask("GET", "/hub/v1/orders")
        put_back_elsewhere(hub, shop.id())
        told = [
            await hub.request(method, path.format(shop.tenant), json=body, headers=shop.own)
            for _ in range(2)
        ]
        assert [told[0].status_code, told[1].is_success] == [503, True], told[0].text


async def test_a_token_of_a_tenant_that_is_gone_opens_nothing(demo_url):
    async with running_hub(demo_url) as hub:
        shop = await opened(hub)
        with hub.hub.ledger.engine.begin() as connection:
            # As an older program left it.
            connection.execute(
                update(credential)
                .where(credential.c.tenant_id == shop.id())
                .values(tenant_id=404_404)
            )
        told = await hub.get("/hub/v1/orders", headers=shop.own)
        assert told.status_code == 401
        assert "what is a tenant's has its tenant: tenant 404404, credential" in "".join(
            left_of_nobody(hub)
        )
        repair_ledger(hub.hub.ledger.engine, lambda _line: None)


@pytest.mark.parametrize("name", LOADS)
@pytest.mark.parametrize("how", ["reset", "removed"])
async def test_a_load_that_runs_on_meanwhile_is_told_to_come_again(demo_url, name, how):
    path, rows = LOADS[name]
    async with running_hub(demo_url) as hub:
        shop = await opened(hub)

        async def lines():
            for _ in range(300):
                yield msgspec.json.encode(rows[0]) + b"\n"
            if how == "reset":
                await shop.reset()
            else:
                answer = await hub.request("DELETE", shop.path, headers=operator_headers())
                assert answer.status_code == 204
            for row in rows:
                yield msgspec.json.encode(row) + b"\n"

        told = await hub.request(
            "POST", path.format(shop.tenant), content=lines(), headers=shop.own
        )
        assert (told.status_code, told.headers["Retry-After"]) == (503, "1"), told.text[-300:]
        assert left_of_nobody(hub) == []


async def test_what_was_answered_as_made_is_there_however_often_it_is_reset(demo_url):
    async with running_hub(demo_url) as hub:
        shop = await opened(hub)
        path, made = f"/hub/v1/tenants/{shop.tenant}/credentials", []

        async def create() -> None:
            for _ in range(12):
                body = {"kind": "hub", "scopes": ["orders:read"]}
                answer = await hub.post(path, body, headers=operator_headers())
                assert answer.status_code in (201, 503), answer.text
                made.extend([answer.json()["id"]] if answer.status_code == 201 else [])

        async def put_back() -> None:
            for _ in range(6):
                await shop.reset()

        await asyncio.gather(put_back(), *(create() for _ in range(4)))
        listed = await shop.ask("GET", f"{path}?limit=200")
        assert set(made) <= {each["id"] for each in listed["items"]}
