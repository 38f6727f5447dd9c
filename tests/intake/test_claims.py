"""A repeat is decided by data: same key and content replay the first answer, other content is refused."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from sqlalchemy.exc import IntegrityError

from orderhub.core.answer import Answer, Outcome
from orderhub.core.refusals import Reason, Rejected
from orderhub.intake.batch import CommandBatch
from orderhub.intake.claims import fingerprint, is_usable_key, of_part
from orderhub.ledger.check import check_ledger
from orderhub.ledger.ledger import Ledger
from tests.support import world
from tests.support.world import all_orders, run, sale, second_process, waiting


def worded(outcome: Outcome) -> Answer:
    assert outcome.answer is not None
    return outcome.answer


def test_a_repeat_gets_the_first_answer_byte_for_byte_and_says_so(ledger: Ledger) -> None:
    first = run(ledger, waiting(sale(), key="k"))[0]
    again = run(ledger, waiting(sale(), key="k", answer=lambda _: Answer(500, b"never")))[0]
    assert (first.kind, again.kind) == ("accepted", "replayed")
    assert worded(again).body == worded(first).body
    assert worded(again).status == worded(first).status == 201
    assert worded(again).media_type == worded(first).media_type == "application/x"
    assert worded(again).headers == (("Location", "/here"), ("Idempotent-Replayed", "true"))
    assert len(all_orders(ledger)) == 1


def test_an_answer_is_replayed_after_the_order_has_changed(ledger: Ledger) -> None:
    first = run(ledger, waiting(world.basket(), key="k"))[0]
    order = all_orders(ledger)[0]
    world.run_all(ledger, world.change(order, world.Action.CANCEL))
    assert worded(run(ledger, waiting(world.basket(), key="k"))[0]).body == worded(first).body
    assert world.stock(ledger) == 100


def test_other_content_under_a_bound_key_is_refused_and_leaves_the_key_bound(
    ledger: Ledger,
) -> None:
    first = run(ledger, waiting(sale(), key="k"))[0]
    other = run(ledger, waiting(sale("9"), key="k", fingerprint="other"))[0]
    assert other.rejected.reason is Reason.KEY_REUSED
    assert worded(run(ledger, waiting(sale(), key="k"))[0]).body == worded(first).body


def test_a_binding_with_a_window_is_as_good_as_none_once_it_is_over(ledger: Ledger) -> None:
    """Its content is decided anew, and what comes of that is what the next repeat gets."""

    def ask(at_us: int, **more: Any) -> Outcome:
        asked = waiting(sale(), key="k", **more)
        assert asked.claim is not None
        asked.claim = msgspec.structs.replace(asked.claim, window_us=1_000)
        return CommandBatch(ledger, world._UIDS, 0, [asked], world.NOON + at_us).run()[0]

    first, within = ask(0), ask(999)
    assert (first.kind, within.kind) == ("accepted", "replayed")
    second, later = ask(1_000), ask(1_999)
    assert (second.kind, later.kind) == ("accepted", "replayed")
    assert worded(second).body != worded(first).body
    assert worded(later).body == worded(second).body
    assert len(all_orders(ledger)) == 2


KEYS = {
    "another key": {"key": "k2"},
    "another credential": {"scope": "somebody else"},
    "another letter case": {"key": "K"},
}


@pytest.mark.parametrize("what", KEYS)
def test_a_key_is_bound_for_one_credential_and_to_the_letter(ledger: Ledger, what: str) -> None:
    run(ledger, waiting(sale(), key="k"))
    assert run(ledger, waiting(sale(), **{"key": "k", **KEYS[what]}))[0].kind == "accepted"
    assert len(all_orders(ledger)) == 2


def test_a_key_of_another_tenant_is_another_key(ledger: Ledger) -> None:
    run(ledger, waiting(sale(), key="k"))
    assert run(ledger, waiting(sale(tenant=world.OTHER), key="k"))[0].kind == "accepted"


def test_a_refused_command_binds_nothing(ledger: Ledger) -> None:
    refused = waiting(world.basket((189, 6)), key="k")
    assert [each.kind for each in run(ledger, refused, refused)] == ["rejected", "rejected"]
    world.run_all(ledger, world.adjust(10, "product:189"))
    assert (
        run(ledger, waiting(world.basket((189, 6)), key="k", fingerprint="new"))[0].kind
        == "accepted"
    )


def test_a_command_that_broke_binds_nothing(ledger: Ledger) -> None:
    def broken(_: object) -> Answer:
        raise ZeroDivisionError

    assert run(ledger, waiting(sale(), key="k", answer=broken))[0].kind == "broken"
    assert run(ledger, waiting(sale(), key="k"))[0].kind == "accepted"
    assert len(all_orders(ledger)) == 1


def test_twins_in_one_batch_get_one_order_and_one_answer(ledger: Ledger) -> None:
    twins = [waiting(world.basket((189, 2)), key="k") for _ in range(4)]
    stranger = waiting(world.basket((189, 1)), key="k", fingerprint="other")
    outcomes = run(ledger, *twins, stranger)
    assert [each.kind for each in outcomes] == ["accepted", *["replayed"] * 3, "rejected"]
    assert len({worded(each).body for each in outcomes[:4]}) == 1
    assert world.stock(ledger, "product:189") == 3


def test_a_twin_of_a_refused_first_is_decided_on_its_own(ledger: Ledger) -> None:
    outcomes = run(
        ledger,
        waiting(world.basket((189, 6)), key="k"),
        world.adjust(10, "product:189"),
        waiting(world.basket((189, 6)), key="k"),
    )
    assert [each.kind for each in outcomes] == ["rejected", "accepted", "accepted"]


@pytest.mark.postgres
def test_twins_at_two_processes_get_one_order_and_one_answer(postgres_world: str) -> None:
    with second_process(postgres_world) as one, second_process(postgres_world) as two:

        def ask(ledger: Ledger) -> list[Outcome]:
            found = []
            for number in range(25):
                mine = [sale() for _ in range(2)]  # company, so that batches overlap
                twin = waiting(world.basket((188, 1)), key=f"k{number}")
                found.append(run(ledger, mine[0], twin, mine[1])[1])
            return found

        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(ask, (one, two))
        for left, right in zip(first, second, strict=True):
            assert {left.kind, right.kind} == {"accepted", "replayed"}
            assert worded(left).body == worded(right).body
        assert world.stock(one) == 75
        assert check_ledger(one.engine).breaches == []


# --- natural keys


def test_a_second_order_under_a_natural_key_is_refused_for_ever(ledger: Ledger) -> None:
    first = world.place(ledger, sale(natural_key="r-1"))
    world.run_all(ledger, world.change(first, world.Action.CANCEL))
    refused = run(ledger, sale(natural_key="r-1"))[0]
    assert refused.rejected == Rejected(Reason.ALREADY_EXISTS, "reference", "r-1")
    other = run(ledger, sale(natural_key="r-1", tenant=world.OTHER))[0]
    assert other.kind == "accepted"


def test_a_natural_key_is_taken_by_the_first_of_the_batch(ledger: Ledger) -> None:
    kinds = [each.kind for each in run(ledger, *(sale(natural_key="r-1") for _ in range(3)))]
    assert kinds == ["accepted", "rejected", "rejected"]


def test_a_refused_order_leaves_its_natural_key_free(ledger: Ledger) -> None:
    assert run(ledger, world.basket((189, 6), natural_key="r-1"))[0].kind == "rejected"
    assert run(ledger, world.basket((189, 1), natural_key="r-1"))[0].kind == "accepted"


def test_a_repeat_with_its_key_replays_before_the_natural_key_refuses(ledger: Ledger) -> None:
    kinds = [
        run(ledger, waiting(sale(natural_key="r-1"), key=key))[0].kind for key in ("k", "k", "k2")
    ]
    assert kinds == ["accepted", "replayed", "rejected"]


@pytest.mark.postgres
def test_two_processes_take_a_natural_key_once(postgres_world: str) -> None:
    with second_process(postgres_world) as one, second_process(postgres_world) as two:

        def taken(ledger: Ledger, n: int) -> str:
            try:
                return run(ledger, sale(), sale(natural_key=f"r-{n}"), sale())[1].kind
            except IntegrityError as error:  # the other was first: the intake tries it again
                if not ledger.is_passing(error):
                    raise
                return taken(ledger, n)

        def take(ledger: Ledger) -> list[str]:
            return [taken(ledger, n) for n in range(25)]

        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(take, (one, two))
        assert all({a, b} == {"accepted", "rejected"} for a, b in zip(first, second, strict=True))


def of_body(body: object, *secrets: str) -> str:
    return fingerprint("mews", "POST", "/orders/add", body, secrets)


def test_a_fingerprint_is_of_the_content_and_not_of_its_secrets_or_their_order():
    mine = {"AccessToken": "old", "Notes": "x", "Items": [{"AccessToken": "inner"}]}
    rotated = {"Notes": "x", "Items": [{"AccessToken": "inner"}], "AccessToken": "new"}
    assert of_body(mine, "AccessToken") == of_body(rotated, "AccessToken")
    assert of_body(mine) != of_body(rotated), "what is no secret is content"
    inner = {**mine, "Items": [{"AccessToken": "other"}]}
    assert of_body(inner, "AccessToken") != of_body(mine, "AccessToken"), "a secret is at the top"


def test_the_second_command_of_a_call_is_bound_under_no_key_a_client_can_send():
    assert of_part("abc", 1) == "abc"
    assert of_part("abc", 2) != of_part("abc", 3)
    assert not is_usable_key(of_part("abc", 2))
