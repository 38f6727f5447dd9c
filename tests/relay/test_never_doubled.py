"""Whatever goes wrong over there, in between and here: every order is there exactly once, and we know its number.

A state machine throws every fault at the relay in every order; at the end all faults are over, and time passes.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from orderhub.core.commands import Action
from orderhub.core.decide import RECORD_TYPES
from orderhub.core.handing import HandOverState
from orderhub.core.values import Order, Status
from orderhub.dialects.client import Client
from orderhub.ledger.check import check_ledger
from orderhub.ledger.database import open_engine
from orderhub.ledger.ledger import Ledger
from tests.relay.rig import SECOND, Bench, PlainClient, ShopClient, connect, hand_overs
from tests.support import world

FAULTS = ("", "", "drop", "500", "after drop", "after 500", "late", "refuse", "out")
DEATHS = ("before commit", "after commit", "before call", "after call")


class Relaying(RuleBasedStateMachine):
    def __init__(self, world_file: Path, client: type[Client]) -> None:
        super().__init__()
        self.client = client
        self.folder = tempfile.TemporaryDirectory()
        file = shutil.copy(world_file, f"{self.folder.name}/hub.sqlite")
        self.ledger = Ledger(open_engine(f"sqlite:///{file}"), RECORD_TYPES)
        connect(self.ledger)
        self.bench = Bench(self.ledger, client())
        self.vendor = self.bench.vendor

    @rule(quantity=st.integers(1, 2))
    def place(self, quantity: int) -> None:
        world.place(self.ledger, world.basket((188, quantity)))

    @rule(faults=st.lists(st.sampled_from(FAULTS), max_size=3))
    def faults(self, faults: list[str]) -> None:
        self.vendor.faults += faults

    @rule(blind=st.lists(st.sampled_from(("drop", "500")), min_size=1, max_size=2))
    def blind(self, blind: list[str]) -> None:
        self.vendor.blind += blind

    @rule(where=st.sampled_from(DEATHS))
    def die(self, where: str) -> None:
        self.bench.rig.dies_at = where

    @rule(after_s=st.sampled_from((0, 1, 4, 20, 100)))
    def go_on(self, after_s: int) -> None:
        self.bench.run(1, every_us=after_s * SECOND)

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        open_orders = [each for each in self.orders if each.status is Status.PENDING]
        if open_orders:
            chosen = data.draw(st.sampled_from(open_orders))
            world.run_all(self.ledger, world.change(chosen, Action.CANCEL))

    @property
    def orders(self) -> tuple[Order, ...]:
        return world.all_orders(self.ledger, world.SHOP)

    @invariant()
    def nothing_is_there_twice(self) -> None:
        markers = [each["note"] for each in self.vendor.orders]
        assert len(markers) == len({*markers})

    def teardown(self) -> None:
        self.vendor.faults, self.vendor.blind = [], []
        self.bench.rig.dies_at = ""
        for _ in range(3):
            self.bench.settle()
        self.vendor.come()
        self.ends_well()
        assert check_ledger(self.ledger.engine).breaches == []
        self.bench.close()
        self.ledger.close()
        self.folder.cleanup()

    def ends_well(self) -> None:
        self.nothing_is_there_twice()
        there: dict[str, Any] = {each["note"]: each["number"] for each in self.vendor.orders}
        orders = {each.uid: each for each in self.orders}
        numbers = []
        for each in hand_overs(self.ledger):
            match each.state:
                case HandOverState.PLACED:
                    numbers.append(each.number)
                    if self.client.marker:
                        assert there[each.marker] == each.number
                case HandOverState.REFUSED:
                    said_no = each.reason == "the vendor does not want it"
                    was_cancelled = orders[each.order_uid].status is Status.CANCELLED
                    assert said_no or was_cancelled or each.attempts == 5
                    if self.client.marker:
                        assert each.marker not in there
                case state:
                    assert (state, self.client.marker) == (HandOverState.UNSURE, "")
        assert len(numbers) == len({*numbers})


@pytest.mark.parametrize("client", [ShopClient, PlainClient])
def test_every_order_is_there_exactly_once(world_file: Path, client: type[Client]) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: Relaying(world_file, client),
        settings=settings(
            max_examples=6,
            stateful_step_count=15,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
