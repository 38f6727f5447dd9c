"""Whatever the hub's API lets a merchant write, no call of a vendor's breaks on it."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderhub.dialects.finding import find_dialects
from orderhub.web.hub_api.catalogue_kinds import KINDS, Kind
from tests.support.calls import Caller, calling
from tests.support.examples import examples
from tests.support.golden import Request, by, goldens, sent
from tests.support.json_values import ANY_JSON

pytestmark = pytest.mark.slow

DIALECTS = {dialect.name: dialect for dialect in find_dialects()}
PATHS = {
    "product": "products",
    "variant": "variants",
    "service": "services",
    "accounting_category": "categories",
    "user_group": "memberships",
}
# Where numbers end, and what looks like another type.
_EDGES = st.sampled_from(
    [0, -1, 101, 10**9, 10**15, -(10**15), "-5", "0.000001", "999999999999.999999", ""]
)
# Each example writes several members, one by one, before all of the vendor's calls are made.
_SEVERAL = 8


def members(name: str, *kinds: str) -> Any:
    """Members that the dialect reads, each with any JSON value."""
    known = {each for kind in kinds for each in DIALECTS[name].data[kind].__struct_fields__}
    one = st.tuples(st.sampled_from(sorted(known)), ANY_JSON)
    return st.lists(one, min_size=_SEVERAL, max_size=_SEVERAL)


def all_are_written(hub: Caller, write: Callable[[str, Any], Any], given: Any) -> None:
    for member, value in given:
        written = write(member, value)
        assert written.status < 500, f"{written} of {member} = {value!r}"
        assert hub.broken() == {}, f"{written} of {member} = {value!r}"


def no_call_breaks(name: str, hub: Caller, write: Callable[[str, Any], Any], given: Any) -> None:
    all_are_written(hub, write, given)
    all_are_answered(hub, [case.request for case in goldens(name)])


def all_are_answered(hub: Caller, requests: Iterable[Request]) -> None:
    for request in requests:
        reply = sent(request, hub.send, {})
        assert reply.status < 500, f"{reply.body!r} at {request.path}"
        assert hub.broken() == {}, f"{reply.body!r} at {request.path}"


@pytest.mark.parametrize(
    ("name", "kind"),
    # The demo's dropshipper sells without variants; their members are among his products'.
    [
        (name, kind)
        for name, dialect in DIALECTS.items()
        for kind in dialect.data
        if kind in PATHS and (name, kind) != ("kakaclo", "variant")
    ],
)
def test_the_data_of_an_item(sqlite_demo: str, fuzz_examples: int, name: str, kind: str) -> None:
    path = f"/hub/v1/tenants/{goldens(name)[0].tenant}/catalogue/{PATHS[kind]}"
    with calling(sqlite_demo) as hub:

        def write(member: str, value: Any) -> Any:
            item = hub.operate("GET", f"{path}?limit=1")["items"][0]
            doc = {**item["doc"], "data": {**item["doc"].get("data", {}), member: value}}
            return hub.ask("PUT", f"{path}/{item['id']}", {"code": item["code"], "doc": doc})

        @examples(fuzz_examples // 10)
        @given(members(name, kind))
        def is_read(given: Any) -> None:
            no_call_breaks(name, hub, write, given)

        is_read()


@pytest.mark.parametrize("name", DIALECTS)
def test_any_member_of_any_item(sqlite_demo: str, fuzz_examples: int, name: str) -> None:
    catalogue = f"/hub/v1/tenants/{goldens(name)[0].tenant}/catalogue"

    def try_item(hub: Caller, kind: Kind, item: dict[str, Any]) -> None:
        known = st.sampled_from(kind.members or kind.model.__struct_fields__)
        one = st.tuples(known, ANY_JSON | _EDGES)

        def write(member: str, value: Any) -> Any:
            body = {"code": item["code"], "doc": {**item["doc"], member: value}}
            return hub.ask("PUT", f"{catalogue}/{kind.name}/{item['id']}", body)

        @examples(fuzz_examples // 25)
        @given(st.lists(one, min_size=_SEVERAL, max_size=_SEVERAL))
        def is_read(given: Any) -> None:
            no_call_breaks(name, hub, write, given)

        is_read()

    with calling(sqlite_demo) as hub:
        for kind in KINDS.values():
            for item in hub.operate("GET", f"{catalogue}/{kind.name}?limit=1")["items"]:
                try_item(hub, kind, item)


@pytest.mark.parametrize("name", [name for name in DIALECTS if "settings" in DIALECTS[name].data])
def test_the_switches_of_a_tenant(sqlite_demo: str, fuzz_examples: int, name: str) -> None:
    path = f"/hub/v1/tenants/{goldens(name)[0].tenant}/settings"
    with calling(sqlite_demo, rate_limits=True) as hub:

        def write(member: str, value: Any) -> Any:
            switches = {member: value} if member else value
            return hub.ask("PATCH", path, {"dialects": {name: switches}})

        @examples(fuzz_examples // 10)
        @given(members(name, "settings"), ANY_JSON)
        def is_read(given: Any, whole: Any) -> None:
            no_call_breaks(name, hub, write, [*given, ("", whole)])

        is_read()


@pytest.mark.parametrize("name", DIALECTS)
def test_the_data_of_a_credential(sqlite_demo: str, fuzz_examples: int, name: str) -> None:
    path = f"/hub/v1/tenants/{goldens(name)[0].tenant}/credentials"
    kinds = [kind for kind in DIALECTS[name].data if kind not in PATHS and kind != "settings"]
    hubs = st.sampled_from(["rate_limit", "acts_as", "repeat_window_s"])
    with calling(sqlite_demo, rate_limits=True) as hub:
        credentials = hub.operate("GET", path)["items"]
        assert {each["kind"].partition(".")[0] for each in credentials} >= {"hub", name}

        @examples(fuzz_examples // 10)
        @given(members(name, *kinds) if kinds else st.just([]), st.lists(st.tuples(hubs, ANY_JSON)))
        def is_read(vendors: Any, ours: Any) -> None:
            """A call shows one credential: what the others keep is none of its business."""
            for each in credentials:

                def write(member: str, value: Any, one: str = each["id"]) -> Any:
                    return hub.ask("PATCH", f"{path}/{one}", {"data": {member: value}})

                all_are_written(hub, write, [*vendors, *ours])
            all_are_answered(hub, [case.request for case in goldens(name)])
            mine = [by(case.request, f"hub-demo-{case.tenant}") for case in goldens(name)]
            all_are_answered(hub, mine)

        is_read()
