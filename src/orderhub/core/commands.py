"""What can be asked of the hub. Every change of an order or a pool is one of these, whichever channel it came by."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from orderhub.core.handing import There
from orderhub.core.steps import Payment, Refund, Shipment
from orderhub.core.values import Address, Clock, Contact, Event, Order, Status


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, through which channel, with which words. Times are microseconds since 1970 UTC."""

    tenant_id: int
    channel: str
    actor: str  # credential id, `timer`, `operator:…`
    recorded_at: int  # wall time
    owner: str = ""  # non-empty: the caller may touch only orders of this owner
    request_id: str = ""
    request: str = ""  # the raw request with its secrets cut out
    due_at: int = 0  # of a timer on a test clock: the tenant's time at which it was due

    def now(self, clock: Clock) -> int:
        """The tenant's time of what is asked. A test clock may have jumped over it."""
        return self.due_at or clock.at(self.recorded_at)


class Numbering(StrEnum):
    """How an order gets the number that its vendor shows."""

    ID = "id"  # the integer id itself
    ID13 = "id13"  # 1000000000000 + id
    TIME4 = "time4"  # local YYYYMMDDhhmmss + the id's last four digits
    UID = "uid"


class StatedLine(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was sold elsewhere, as stated. `price` is per unit and may be negative."""

    title: str = ""
    sku: str = ""
    quantity: int = 1
    price: Decimal
    data: dict[str, Any] = {}


class LineChange(msgspec.Struct, frozen=True, kw_only=True):
    """New members of one line of a recorded order; None leaves a member as it is.

    `data` is merged over the stored one; a None member removes the key.
    """

    line_no: int
    title: str | None = None
    sku: str | None = None
    quantity: int | None = None
    price: Decimal | None = None
    data: dict[str, Any] | None = None
    cancelled: bool | None = None


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """The business part of an order. Each business of `core` has one subclass and the rules for it."""

    @property
    def gives_back(self) -> tuple[str, ...]:
        """Uids of orders that stand, of which units are given back."""
        return ()


class PlaceOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Place one order, or a group of orders born of one request: all or nothing."""

    origin: Origin
    terms: Terms
    numbering: Numbering = Numbering.UID
    natural_key: str = ""  # the vendor's own uniqueness rule; a second order with it is refused
    reference: str = ""
    contact: Contact | None = None
    ship_to: Address | None = None
    notes: str = ""
    vendor_status: str = ""
    vendor: dict[str, Any] = {}
    wish: str = ""  # as of ChangeOrder


class ImportOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Take over an order that was placed elsewhere, with its own times, numbers, state and history.

    `order.id` 0 = the next one, `order.uid` empty = a new one: it is known by its number, which it always has.
    An order that stands already is left as it is. `events` are its whole history, oldest first.
    """

    origin: Origin
    order: Order
    events: tuple[Event, ...]


class Action(StrEnum):
    PAY = "pay"
    SHIP = "ship"
    SHIP_PART = "ship_part"  # some units; the last of them make it SHIP
    COMPLETE = "complete"
    CANCEL = "cancel"
    # Before anything ships: an unpaid order is cancelled, a paid one refunded; or some units of them.
    CALL_OFF = "call_off"
    REQUEST_REFUND = "request_refund"
    REFUND = "refund"
    REFUND_PART = "refund_part"  # some units or some money; the last of them make it REFUND
    REJECT_REFUND = "reject_refund"
    AMEND = "amend"  # vendor's data and stated values only, never the canonical life


class OrderName(msgspec.Struct, frozen=True, order=True):
    """One of the names an order can be found by: `uid`, `id`, `number`, `group`; `bill` finds all on one."""

    by: str
    value: str


class CancelItem(msgspec.Struct, frozen=True, kw_only=True):
    """So many units that shall not ship: of one line of one order, or of a SKU, wherever in the group it is.

    `country` of the warehouse, `""` = any.
    """

    quantity: int
    order_id: int = 0
    line_no: int = 0
    sku: str = ""
    country: str = ""


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """By which hand-over a change is known: what happened to the order at a vendor. Its `news` are told for good."""

    order_id: int
    connection_id: int
    news: tuple[str, ...] = ()


class ChangeOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Move an order, or every order of a group, along its life."""

    origin: Origin
    name: OrderName
    action: Action
    reason: str = ""
    if_version: int | None = None
    only_channel: str = ""  # non-empty: an order of another channel counts as unknown
    only_from: tuple[Status, ...] = ()  # non-empty: what the life allows elsewhere is refused
    payment: Payment | None = None  # None: nothing is said of one
    shipment: Shipment | None = None
    refund: Refund | None = None
    items: tuple[CancelItem, ...] = ()  # CALL_OFF: not all, but these units
    vendor_status: str | None = None
    vendor: dict[str, Any] | None = (
        None  # merged over the stored one; a None member removes the key
    )
    # AMEND: canonical members of a recorded order, such as `total`; CANCEL: its `account`.
    changes: dict[str, Any] = {}
    add_lines: tuple[StatedLine, ...] = ()  # AMEND of a recorded order: further lines
    line_changes: tuple[LineChange, ...] = ()  # AMEND of a recorded order: lines that change
    heard: Heard | None = None
    wish: str = ""  # under which the vendors agreed that it be called off: `by` of handing.Wish


class AdjustPool(msgspec.Struct, frozen=True, kw_only=True):
    """Count `by` more (or fewer) units, or say with `count` how many are left. See values.PoolKey.

    A pool that does not exist is opened, when its kind, subject and place do. `code` names an item of
    the catalogue instead of `subject`. Units are the pool's own: millionths of a balance.
    With `low_at` it is said from when on little is left; 0 = what its item says. That opens no pool.
    """

    origin: Origin
    kind: str
    subject: str = ""
    code: str = ""
    place: str = ""
    by: int = 0
    count: int | None = None  # before `by`
    low_at: int | None = None
    reason: str = ""


# Kinds of record that the hub numbers, and that whoever moves their own in may number too; and how far.
NUMBERED_BY_BOTH = ("user",)
MOST_BY_HAND = 10**12 - 1


class RecordChange(msgspec.Struct, frozen=True, kw_only=True):
    """Write (`doc` given) or remove (`doc` None) one typed document.

    With `members` only these are put into the document that stands, as JSON values that suit its type;
    all else of the record stays. Such a record must be named among what `exists`.

    `id` 0 = the next free id of its kind. `keys` are its searchable names beside id, uid and code,
    as (name, value) pairs. With `if_version` the change is refused when the stored document has
    another version, so that two who read the same one cannot overwrite each other.
    """

    kind: str
    id: int = 0
    if_version: int | None = None
    uid: str = ""
    code: str = ""
    doc: Any = None
    members: dict[str, Any] | None = None
    keys: tuple[tuple[str, str], ...] = ()


class PutRecords(msgspec.Struct, frozen=True, kw_only=True):
    """Write records in one commit: catalogue, users, carts, guests, settings.

    `unique` names keys that no other live record of the kind may hold, as (kind, by, value);
    `exists` names ones that must be there. With `once` a record that stands as it is to be is left alone.
    """

    origin: Origin
    changes: tuple[RecordChange, ...]
    unique: tuple[tuple[str, str, str], ...] = ()
    exists: tuple[tuple[str, str, str], ...] = ()
    once: bool = False


class SetClock(msgspec.Struct, frozen=True, kw_only=True):
    """Freeze, advance or run a tenant's clock. Refused unless the tenant is a sandbox."""

    origin: Origin
    action: str  # freeze, advance, run, real
    at_us: int | None = None
    by_us: int = 0


class ChangeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Merge members into a tenant's settings; unknown members and wrong types are refused by the caller."""

    origin: Origin
    members: dict[str, Any]


class ForgetPerson(msgspec.Struct, frozen=True, kw_only=True):
    """Take out of orders, and of what is kept beside them, whatever tells who somebody was. Nothing of it comes back.

    orders      uids
    words       what else the person is told by, besides what the orders say: an e-mail
    claims      (scope, key) of the answers that are kept for repeats: their repeats are refused from then on
    requests    ids of calls in the request log
    deliveries  (webhook's id, delivery's id): what receivers answered
    """

    origin: Origin
    orders: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    claims: tuple[tuple[str, str], ...] = ()
    requests: tuple[str, ...] = ()
    deliveries: tuple[tuple[int, int], ...] = ()


class HandOverStep(StrEnum):
    """What becomes of a hand-over: see core/hand_overs.py."""

    WAIT = "wait"  # it cannot go yet: `reason`, looked at again at `due_at`
    SEND = "send"  # the call is made once this is committed
    ASK = "ask"  # nobody knows whether it is there: the vendor is asked, at `due_at`
    FIND = "find"  # it is there, under `number`, and something is still to be done about it
    PLACE = "place"
    REFUSE = "refuse"
    DOUBT = "doubt"  # nobody can know: a person decides
    AGAIN = "again"  # it is not there: send it
    WISH = "wish"  # its vendor is going to be asked to take units off, or was
    NEWS = "news"  # it was asked what happened there, and is asked again at `due_at`


class MoveHandOver(msgspec.Struct, frozen=True, kw_only=True):
    """Move the hand-over of an order to a connection along its life.

    if_order    SEND: the version of the order that is going to be sent
    number      what the vendor calls it; empty = it was said before
    sure_at     SEND, ASK: its absence over there proves nothing before this; 0 = as it was said before
    candidates  DOUBT: numbers of what it may be
    news        NEWS: names of what is told for good
    there       SEND, WISH, NEWS: what is known of it there from now on; None = what was known before
    """

    origin: Origin
    order_id: int
    connection_id: int
    step: HandOverStep
    if_version: int | None = None
    if_order: int | None = None
    number: str = ""
    refs: dict[str, str] = {}
    reason: str = ""
    due_at: int = 0
    sure_at: int = 0
    candidates: tuple[str, ...] = ()
    news: tuple[str, ...] = ()
    there: There | None = None


Command = (
    PlaceOrder
    | ImportOrder
    | ChangeOrder
    | AdjustPool
    | PutRecords
    | SetClock
    | ChangeSettings
    | ForgetPerson
    | MoveHandOver
)
