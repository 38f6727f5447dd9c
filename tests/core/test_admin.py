"""Records, clocks and settings: given what is known, when a command comes, then what."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from orderhub.core import admin, decide
from orderhub.core.catalogue import Product
from orderhub.core.commands import ChangeSettings, Origin, PutRecords, RecordChange, SetClock
from orderhub.core.facts import Accepted, Facts, NewIds, Record, RecordKey
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Clock, ClockMode, Settings

HOUR = 3_600_000_000
CODES = ("", "A", "B", "C")
AT = Origin(tenant_id=1, channel="hub", actor="test", recorded_at=10 * HOUR)
IDS = NewIds(records={"note": (501, 502)}, uids=("x-1", "x-2"))
IDS_OF_PRODUCTS = NewIds(records={"product": (501,)}, uids=("x-1",))


def known_with(
    *records: Record, settings: Settings | None = None, all_codes: bool = False
) -> Facts:
    known = Facts()
    doc = settings or Settings(name="shop", sandbox=True)
    row = Record(tenant_id=1, kind="settings", id=0, uid="", code="", doc=doc, version=4)
    known.learn_records(RecordKey(1, "settings", "id", "0"), (row,))
    for each in records:
        known.learn_records(RecordKey(1, each.kind, "id", str(each.id)), (each,))
        known.learn_records(RecordKey(1, each.kind, "code", each.code), (each,))
    for code in CODES if all_codes else ():
        known.learn_records(
            RecordKey(1, "note", "code", code), known.records(1, "note", "code", code)
        )
    return known


def note(number: int, version: int = 1, code: str = "") -> Record:
    return Record(
        tenant_id=1, kind="note", id=number, uid=f"u-{number}", code=code, doc=0, version=version
    )


def put(*changes: RecordChange, **more: Any) -> PutRecords:
    return PutRecords(origin=AT, changes=changes, **more)


def change(number: int = 0, doc: Any = 1, **more: Any) -> RecordChange:
    return RecordChange(kind="note", id=number, doc=doc, **more)


PUTS = [
    # what stands         what is put                                  what is written: id, uid, code, version
    ((),                  put(change()),                               [(501, "x-1", "", 1)]),
    ((),                  put(change(), change()),                     [(501, "x-1", "", 1), (502, "x-2", "", 1)]),
    ((),                  put(change(7, uid="mine", code="C")),        [(7, "mine", "C", 1)]),
    ((note(7, 3, "C"),),  put(change(7)),                              [(7, "u-7", "C", 4)]),
    ((note(7, 3, "C"),),  put(change(7, uid="new", code="D")),         [(7, "new", "D", 4)]),
    ((note(7, 3),),       put(change(7, if_version=3)),                [(7, "u-7", "", 4)]),
    ((note(7, 3),),       put(change(7, if_version=2)),                Reason.VERSION_CONFLICT),
    ((),                  put(change(7, if_version=1)),                Reason.VERSION_CONFLICT),
    ((),                  put(change(7, if_version=0)),                [(7, "x-1", "", 1)]),
    ((note(7, 3),),       put(change(7, None, if_version=2)),          Reason.VERSION_CONFLICT),
    ((note(7, 1, "C"),),  put(change(), unique=(("note", "code", "C"),)),  Reason.ALREADY_EXISTS),
    ((note(7, 1, "C"),),  put(change(7), unique=(("note", "code", "C"),)), [(7, "u-7", "C", 2)]),
    ((),                  put(change(), exists=(("note", "id", "7"),)),    Reason.RECORD_UNKNOWN),
    ((note(7),),          put(change(), exists=(("note", "id", "7"),)),    [(501, "x-1", "", 1)]),
    ((),                  put(change(doc={"a": ["b", "\0"]})),               Reason.TEXT_INVALID),
    ((),                  put(change(doc="\\u0000")),                        [(501, "x-1", "", 1)]),
    ((),                  put(change(code="a\0")),                           Reason.TEXT_INVALID),
    ((),                  put(change(keys=(("name", "x" * 2_001),))),        Reason.TEXT_INVALID),
    ((note(7, 1),),       put(change(7, None, members={"a": "\0"})),         Reason.TEXT_INVALID),
]  # fmt: skip


@pytest.mark.parametrize(("stands", "command", "then"), PUTS)
def test_records_are_put_or_refused(
    stands: tuple[Record, ...], command: PutRecords, then: Any
) -> None:
    decision = admin.put(command, known_with(*stands), IDS)
    if isinstance(decision, Rejected):
        assert decision.reason is then
        return
    assert [(r.id, r.uid, r.code, r.version) for r in decision.records] == then


def test_no_database_is_asked_for_a_name_that_it_cannot_keep() -> None:
    command = put(change(code="a\0"), unique=(("note", "code", "a\0"),))
    assert admin.put_loads(command, known_with()) == []
    assert admin.put_lock_keys(command) == ()


def test_settings_hold_no_u0000() -> None:
    command = ChangeSettings(origin=AT, members={"dialects": {"kakaclo": {"name": "a\0"}}})
    decision = admin.change_settings(command, known_with(), IDS)
    assert decision == Rejected(
        Reason.TEXT_INVALID,
        "settings.dialects.kakaclo.name",
        "settings.dialects.kakaclo.name: U+0000 is not allowed",
    )


@pytest.mark.parametrize(
    "named",
    [{"uid": 7}, {"code": 7}, {"keys": (("phone", 7),)}, {"keys": (("phone", Decimal(7)),)}],
)
def test_a_record_that_could_not_be_read_back_is_never_written(named: dict[str, Any]) -> None:
    with pytest.raises(AssertionError, match="note 501 is named"):
        decide.decide(put(change(**named)), known_with(), IDS)


@st.composite
def some_puts(draw: st.DrawFn) -> list[PutRecords]:
    """Commands that write a note each, new ones too, some under the code of another."""
    puts = []
    for _ in range(draw(st.integers(1, 4))):
        code = draw(st.sampled_from(CODES))
        one = change(
            draw(st.sampled_from((0, 1, 2, 3, 4))),
            draw(st.sampled_from((0, 1))),
            code=code,
            if_version=draw(st.sampled_from((None, None, 1))),
        )
        unique = (("note", "code", code),) if code else ()
        puts.append(put(one, unique=unique, once=True))
    return puts


@given(some_puts())
def test_puts_in_one_are_taken_only_if_each_is_behind_those_before(puts: list[PutRecords]) -> None:
    stands = [note(number, code=code) for number, code in enumerate(CODES[1:], 1)]
    joined = admin.together(puts)
    assume(joined is not None)
    assert joined is not None
    all_ids = NewIds(records={"note": (501, 502, 503, 504)}, uids=tuple("abcd"))
    at_once = admin.put(joined, known_with(*stands, all_codes=True), all_ids)
    assume(isinstance(at_once, Accepted))
    known, one_by_one = known_with(*stands, all_codes=True), []
    new = iter((501, 502, 503, 504))
    for command in puts:
        ids = NewIds(records={"note": () if command.changes[0].id else (next(new),)}, uids=("x",))
        alone = admin.put(command, known, ids)
        assert isinstance(alone, Accepted), alone
        known.apply(alone)
        one_by_one.append(alone)
    assert named(at_once.result) == [each for alone in one_by_one for each in named(alone.result)]
    assert named(at_once.records) == [each for alone in one_by_one for each in named(alone.records)]


def named(records: tuple[Record, ...]) -> list[tuple[int, str, Any, int]]:
    return [(each.id, each.code, each.doc, each.version) for each in records]


NOT_ONE = [
    ("no command", []),
    ("an item that is removed", [put(change(1)), put(change(2, None))]),
    ("an item twice", [put(change(1)), put(change(1, 2))]),
    ("one that leaves alone and one that does not", [put(change(1)), put(change(2), once=True)]),
]


@pytest.mark.parametrize(("_why", "puts"), NOT_ONE, ids=[why for why, _ in NOT_ONE])
def test_what_cannot_be_one_command(_why: str, puts: list[PutRecords]) -> None:
    assert admin.together(puts) is None


def test_a_name_that_two_would_bear_is_refused() -> None:
    name = (("note", "code", "A"),)
    joined = admin.together(
        [put(change(code="A"), unique=name), put(change(code="A"), unique=name)]
    )
    assert joined is not None
    refused = admin.put(joined, known_with(), IDS)
    assert isinstance(refused, Rejected)
    assert refused.reason is Reason.ALREADY_EXISTS


def test_only_the_members_named_are_put_and_all_else_stays() -> None:
    stands = Record(
        tenant_id=1,
        kind="product",
        id=7,
        uid="u-7",
        code="C",
        doc=Product(id=7, code="C", title="Mug", price=Decimal(5)),
        version=3,
        keys=(("filename", "mug"),),
    )
    some = RecordChange(kind="product", id=7, members={"price": "7.5"})
    command = put(some, exists=(("product", "id", "7"),))
    decision = admin.put(command, known_with(stands), IDS)
    assert isinstance(decision, Accepted)
    dearer = replace(stands.doc, price=Decimal("7.5"))
    assert decision.records == (replace(stands, doc=dearer, version=4),)
    refused = admin.put(command, known_with(), IDS)
    assert isinstance(refused, Rejected)
    assert refused.reason is Reason.RECORD_UNKNOWN
    none = put(RecordChange(kind="product", id=7, members={}), exists=command.exists)
    kept = admin.put(none, known_with(stands), IDS)
    assert isinstance(kept, Accepted)
    assert (kept.removed, kept.records) == ((), (replace(stands, version=4),))


def test_a_document_that_was_not_told_its_names_learns_them() -> None:
    untold = RecordChange(kind="product", code="C", doc=Product(id=0, title="Mug"))
    decision = admin.put(put(untold), known_with(), IDS_OF_PRODUCTS)
    assert isinstance(decision, Accepted)
    (record,) = decision.records
    assert (record.doc.id, record.doc.uid, record.doc.code) == (record.id, record.uid, "C")


def test_removing_what_is_there_and_what_is_not() -> None:
    decision = admin.put(put(change(7, None), change(8, None)), known_with(note(7, 3)), IDS)
    assert isinstance(decision, Accepted)
    assert [(each.id, each.version) for each in decision.removed] == [(7, 3)]
    assert decision.records == ()


def test_a_command_asks_for_the_ids_it_will_use() -> None:
    command = put(change(), change(7), change(), RecordChange(kind="memo", doc=1))
    wanted = decide.id_quota(command, known_with())
    assert dict(wanted.records) == {"note": 2, "memo": 1}
    assert wanted.uids == 4
    assert wanted.orders == 0


CLOCKS = [
    # how the clock stands                     what is asked                                       at 10:00, 12:00
    (Clock(),                                  {"action": "freeze"},                              (10, 10)),
    (Clock(),                                  {"action": "freeze", "at_us": 3 * HOUR},           (3, 3)),
    (Clock(),                                  {"action": "run", "at_us": 3 * HOUR},              (3, 5)),
    (Clock(),                                  {"action": "advance", "by_us": 5 * HOUR},          (15, 17)),
    (Clock(ClockMode.RUNNING, -HOUR),          {"action": "advance", "by_us": 2 * HOUR},          (11, 13)),
    (Clock(ClockMode.RUNNING, -HOUR),          {"action": "freeze"},                              (9, 9)),
    (Clock(ClockMode.FROZEN, 0, 3 * HOUR),     {"action": "advance", "by_us": 2 * HOUR},          (5, 5)),
    (Clock(ClockMode.FROZEN, 0, 3 * HOUR),     {"action": "run"},                                 (3, 5)),
    (Clock(ClockMode.FROZEN, 0, 3 * HOUR),     {"action": "real"},                                (10, 12)),
]  # fmt: skip


@pytest.mark.parametrize(("stands", "asked", "then"), CLOCKS)
def test_a_sandboxs_clock_is_moved(
    stands: Clock, asked: dict[str, Any], then: tuple[int, int]
) -> None:
    known = known_with(settings=Settings(name="shop", sandbox=True, clock=stands))
    decision = admin.set_clock(SetClock(origin=AT, **asked), known, IDS)
    assert isinstance(decision, Accepted)
    clock = decision.result.clock
    assert (clock.at(10 * HOUR), clock.at(12 * HOUR)) == (then[0] * HOUR, then[1] * HOUR)
    assert decision.records[0].version == 5


def test_a_real_tenants_clock_cannot_be_moved() -> None:
    known = known_with(settings=Settings(name="shop"))
    decision = admin.set_clock(SetClock(origin=AT, action="freeze"), known, IDS)
    assert isinstance(decision, Rejected)
    assert (decision.reason, decision.field) == (Reason.TRANSITION_NOT_ALLOWED, "clock")


def test_settings_are_merged_and_what_is_not_named_stays() -> None:
    stands = Settings(
        name="shop",
        currency="CNY",
        sandbox=True,
        clock=Clock(ClockMode.FROZEN, frozen_at_us=7),
        dialects={"a": {"x": 1, "y": 2}, "b": {"z": 3}},
    )
    members = {"auto_close_s": 60, "dialects": {"a": {"x": 9}}}
    decision = admin.change_settings(
        ChangeSettings(origin=AT, members=members), known_with(settings=stands), IDS
    )
    assert isinstance(decision, Accepted)
    after: Settings = decision.result
    assert (after.currency, after.auto_close_s, after.clock) == ("CNY", 60, stands.clock)
    assert after.dialects == {"a": {"x": 9}, "b": {"z": 3}}
    ended = ChangeSettings(origin=AT, members={"sandbox": False})
    real = admin.change_settings(ended, known_with(settings=stands), IDS)
    assert isinstance(real, Accepted)
    assert real.result.clock == Clock(), "nobody could set it right"
