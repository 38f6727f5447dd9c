"""Every value of an order, a record and a credential comes back from the database as it went in."""

from decimal import Decimal
from types import NoneType
from typing import Any, get_args, get_origin
from uuid import uuid4

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from orderhub.core.access import Credential
from orderhub.core.catalogue import Product
from orderhub.core.commands import OrderName, Origin
from orderhub.core.details import AnyDetails
from orderhub.core.facts import Accepted, Facts, OrderLoad, Record, Timer
from orderhub.core.steps import Payment, Refund, Shipment
from orderhub.core.values import (
    Address,
    Contact,
    Event,
    Line,
    LineKind,
    Move,
    Order,
    OrderDoc,
    Pool,
    PoolKey,
    Status,
    TaxPart,
)
from orderhub.ledger.ledger import Ledger
from tests.support import world
from tests.support.examples import examples
from tests.support.world import OTHER, SHOP

# What a vendor's client may send as text: quotes, tabs, emoji, right-to-left; U+0000 is refused at the wire.
TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",)), max_size=20)
AMOUNTS = st.decimals(
    min_value=Decimal("-999999999999.999999"), max_value=Decimal("999999999999.999999"), places=6
)
INSTANTS = st.integers(0, 2**53)
COUNTS = st.integers(0, 10**9)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | AMOUNTS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(TEXTS, JSON, max_size=3)
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    int: COUNTS,
    bool: st.booleans(),
    Decimal: AMOUNTS,
    NoneType: st.none(),
    Any: JSON,
}


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type that documents are made of: every member of a Struct has one."""
    if kind in SCALARS:
        return SCALARS[kind]
    args = get_args(kind)
    if get_origin(kind) is tuple:
        return st.lists(values(args[0]), max_size=2).map(tuple)
    if get_origin(kind) is dict:
        return st.dictionaries(values(args[0]), values(args[1]), max_size=2)
    if args:
        return st.one_of(*map(values, args))
    members = {each.encode_name: values(each.type) for each in msgspec.structs.fields(kind)}
    return st.builds(kind, **members)


LINES = st.builds(
    Line,
    line_no=st.just(1),
    kind=st.sampled_from(LineKind),
    title=TEXTS,
    quantity=COUNTS,
    unit_net=AMOUNTS,
    unit_gross=AMOUNTS,
    net=AMOUNTS,
    tax=AMOUNTS,
    gross=AMOUNTS,
    product_id=COUNTS,
    variant_id=COUNTS,
    sku=TEXTS,
    taxes=st.lists(st.builds(TaxPart, TEXTS, AMOUNTS, AMOUNTS), max_size=2).map(tuple),
    cancelled=st.booleans(),
    shipped=COUNTS,
    refunded=COUNTS,
    data=OBJECTS,
)
DOCS = st.builds(
    OrderDoc,
    contact=st.none() | st.builds(Contact, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS),
    ship_to=st.none() | st.builds(Address, id=COUNTS, recipient=TEXTS, street1=TEXTS, vat=TEXTS),
    notes=TEXTS,
    pricing=OBJECTS,
    settlement=OBJECTS,
    business=values(AnyDetails),
    vendor=OBJECTS,
    shipments=values(tuple[Shipment, ...]),
    payments=values(tuple[Payment, ...]),
    refunds=values(tuple[Refund, ...]),
)
ORDERS = st.builds(
    Order,
    tenant_id=st.sampled_from((SHOP, OTHER)),
    id=st.just(0),  # set by the test
    uid=st.just(""),  # the same
    channel=TEXTS,
    number=st.just(""),
    group_number=TEXTS,
    owner=TEXTS.filter(lambda text: text != "*"),
    account=TEXTS,
    service=TEXTS,
    bill=TEXTS,
    placed_by=TEXTS,
    reference=TEXTS,
    status=st.sampled_from(Status),
    vendor_status=TEXTS,
    version=COUNTS,
    currency=TEXTS,
    net=AMOUNTS,
    tax=AMOUNTS,
    total=AMOUNTS,
    paid=AMOUNTS,
    refunded=AMOUNTS,
    recorded=st.booleans(),
    occurred_at=INSTANTS,
    updated_at=INSTANTS,
    recorded_at=INSTANTS,
    service_at=INSTANTS,
    doc=DOCS,
    lines=LINES.map(lambda line: (line,)),
)
IDS = iter(range(1_000_000, 10**9))


def event_of(order: Order, data: dict[str, Any], text: str) -> Event:
    return Event(
        tenant_id=order.tenant_id,
        order_id=order.id,
        version=1,
        kind="placed",
        occurred_at=order.occurred_at,
        recorded_at=order.recorded_at,
        actor=text,
        data=data,
        request_id=text,
        request=text,
    )


def write(ledger: Ledger, accepted: Accepted, *, tenant: int = SHOP) -> None:
    """What a decision could have accepted, written as it is."""
    known = Facts()
    for pool in accepted.opened:
        known.apply(Accepted(opened=(pool,)))
    at = Origin(tenant_id=tenant, channel="test", actor="tester", recorded_at=7)
    with ledger.batch("mark") as batch:
        batch.write(known, [(at, accepted)], IDS, slot=0)


def test_every_value_of_an_order_survives_writing_and_reading(
    ledger: Ledger, fuzz_examples: int
) -> None:
    @examples(fuzz_examples)
    @given(order=ORDERS, data=OBJECTS, text=TEXTS)
    def survives(order: Order, data: dict[str, Any], text: str) -> None:
        names: dict[str, Any] = {"id": next(IDS), "uid": str(uuid4()), "number": str(uuid4())}
        if order.group_number:
            names["group_number"] = f"{order.group_number}{names['id']}"
        order = msgspec.structs.replace(order, **names)
        event = event_of(order, data, text)
        write(ledger, Accepted(placed=(order,), events=(event,)), tenant=order.tenant_id)

        by_uid = OrderName("uid", order.uid)
        assert ledger.read(lambda reads: reads.order(order.tenant_id, by_uid)) == order
        assert ledger.read(lambda reads: reads.events(order)) == (event,)
        assert loaded(ledger, order, by_uid) == (order,)

    survives()


def loaded(ledger: Ledger, order: Order, name: OrderName) -> tuple[Order, ...]:
    """The same order as the writer sees it."""
    known = Facts()
    with ledger.batch("mark") as batch:
        batch.load_orders(known, [OrderLoad(order.tenant_id, name)])
    return known.orders(order.tenant_id, name)


def test_a_changed_order_and_its_changed_line_come_back_changed(ledger: Ledger) -> None:
    placed = world.place(ledger)
    line = msgspec.structs.replace(
        placed.lines[0], cancelled=True, refunded=1, data={"why": Decimal("1.50")}
    )
    changed = msgspec.structs.replace(
        placed,
        version=2,
        status=Status.PAID,
        vendor_status="they say so",
        currency="USD",
        account="someone",
        net=Decimal("1.000001"),
        tax=Decimal("0.000001"),
        total=Decimal("1.000002"),
        paid=Decimal(3),
        refunded=Decimal(2),
        updated_at=placed.updated_at + 1,
        service_at=5,
        doc=msgspec.structs.replace(placed.doc, notes="now with notes"),
        lines=(line,),
    )
    known = Facts()
    name = OrderName("uid", placed.uid)
    with ledger.batch("mark") as batch:
        batch.load_orders(known, [OrderLoad(SHOP, name)])
        accepted = Accepted(changed=(changed,), changed_lines=((changed, line),))
        batch.write(known, [(world.origin(), accepted)], IDS, slot=0)
    assert ledger.read(lambda reads: reads.order(SHOP, name)) == changed


def test_pools_and_moves_come_back(ledger: Ledger) -> None:
    key = PoolKey(SHOP, "seats", "tour '7'", "2019-01-16")
    pool = Pool(key=key, opening=40, adjusted=-3, drawn=9, returned=2)
    order = world.place(ledger)
    moves = (
        Move(key, "opening", 40, reason="first"),
        Move(key, "adjustment", -3, reason="broken \u2192 gone"),
        Move(key, "draw", 9, order.id, 1),
        Move(key, "return", 2, order.id, 1, "cancelled"),
    )
    known = Facts()
    known.apply(Accepted(opened=(pool,)))
    with ledger.batch("mark") as batch:
        batch.write(known, [(world.origin(), Accepted(opened=(pool,), moves=moves))], IDS, slot=0)
    assert ledger.read(lambda reads: reads.pools(SHOP, "seats")) == (pool,)
    assert ledger.read(lambda reads: reads.moves(order)) == moves[2:]


def test_a_typed_record_comes_back_typed_and_a_plain_one_as_it_was(ledger: Ledger) -> None:
    shirt = Product(
        id=7,
        uid="u-7",
        code="TS",
        title='T\u2011Shirt "XL"',
        price=Decimal("19.9900"),
        data={"n": Decimal("0.10")},
    )
    plain = {"price": Decimal("1.10"), "list": [1, "two", None, True], "中": "文"}
    names = (("email", "a@b.c"), ("phone", "+1 2"))
    world.run_all(
        ledger,
        world.put(
            world.RecordChange(kind="product", id=7, uid="u-7", code="TS", doc=shirt),
            world.note(1, plain, keys=names),
        ),
    )
    product = ledger.read(lambda reads: reads.record(SHOP, "product", "id", 7))
    assert product == Record(tenant_id=SHOP, kind="product", id=7, uid="u-7", code="TS", doc=shirt)
    found = ledger.read(lambda reads: reads.record(SHOP, "note", "email", "a@b.c"))
    assert found is not None
    assert (found.doc, found.keys) == (plain, names)


def test_a_credential_comes_back_and_remembers_its_last_use(ledger: Ledger) -> None:
    given_one = Credential(
        id="c-1",
        kind="hub",
        name="digest",
        tenant_id=SHOP,
        tenants=(SHOP, OTHER),
        scopes=("orders:read",),
        secret="sealed",
        label="till 1",
        expires_at=5,
        created_at=4,
        data={"acts_as": {"shop": "1000"}, "share": Decimal("0.5")},
    )
    ledger.put_credential(given_one)
    ledger.mark_used({"c-1": 99})
    assert ledger.read(lambda reads: reads.credential("hub", "dig\x00est")) is None
    found = ledger.read(lambda reads: reads.credential("hub", "digest"))
    assert found == msgspec.structs.replace(given_one, last_used_at=99)
    ledger.put_credential(msgspec.structs.replace(given_one, id="c-2", label="till 2"))
    assert [each.id for each in ledger.read(lambda reads: reads.credentials(SHOP))] == ["c-2"]
    ledger.remove_credential("c-2")
    assert ledger.read(lambda reads: reads.credential("hub", "digest")) is None


def test_a_tenant_that_is_removed_leaves_the_portfolios_of_others(ledger: Ledger) -> None:
    def portfolio(number: int, *tenants: int) -> Credential:
        return Credential(
            id=f"c-{number}", kind="mews", name=f"{number}", tenant_id=SHOP, tenants=tenants
        )

    several, alone = portfolio(1, SHOP, OTHER), portfolio(2, OTHER)
    for each in (several, alone):
        ledger.put_credential(each)
    with ledger.directory("") as (_, directory):
        directory.remove_tenant(OTHER)
    left = {each.id: each for each in ledger.read(lambda reads: reads.credentials(SHOP))}
    assert left["c-1"] == portfolio(1, SHOP)
    assert left["c-2"] == msgspec.structs.replace(alone, enabled=False), "it never reached its own"


def test_a_timer_is_due_on_its_tenants_clock_and_claimed_once(ledger: Ledger) -> None:
    order = world.place(ledger)
    due_at = world.NOON + 3_600_000_000
    timer = Timer(tenant_id=SHOP, kind="auto_close", order_id=order.id, due_at=due_at)
    write(ledger, Accepted(timers=(timer,)))
    assert not ledger.has_due_timers(world.NOON)
    assert ledger.due_timers(world.NOON, claim_us=1_000_000) == []

    world.run_all(ledger, world.clock("run", at_us=due_at, origin=world.origin(recorded_at=9)))
    assert ledger.has_due_timers(9)
    assert ledger.due_timers(9, claim_us=1_000_000) == [timer]
    assert ledger.due_timers(9, claim_us=1_000_000) == [], "somebody is at it"
    assert ledger.due_timers(2_000_000, claim_us=1) == [timer], "who claimed it went away"
    ledger.drop_timer(timer)
    assert not ledger.has_due_timers(2_000_000)


def test_old_claims_are_purged_in_small_steps_and_young_ones_stay(ledger: Ledger) -> None:
    for number in range(3):
        world.place(ledger, world.waiting(world.sale(), key=f"k{number}"))
    assert ledger.purge_claims(world.NOON) == 0
    assert ledger.purge_claims(world.NOON + 1, at_most=2) == 2
    assert ledger.purge_claims(world.NOON + 1, at_most=2) == 1
    assert ledger.purge_claims(world.NOON + 1, at_most=2) == 0
