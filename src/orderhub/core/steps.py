"""What is said of a step of an order: a payment, a shipment, a refund. One shape from the command to the stored order.

`at` is when the step was taken, in microseconds since 1970 UTC of the tenant's time; a command leaves it out.
`lines` are units by line number; where there are none, the step is about all that was left.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

Units = dict[int, int]  # line number -> units


class Payment(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """How an order was paid, or is to be.

    way        what a shop's buyer chose: `balance`, or a provider; it decides what follows
    method     what a merchant notes, in words of their own
    """

    way: str = ""
    method: str = ""
    reference: str = ""
    at: int | None = None


class Shipment(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One parcel that left."""

    carrier: str = ""
    tracking: str = ""
    lines: Units = {}
    at: int | None = None


class Refund(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Units, money or both given back.

    of         the number that the refund was asked for by: an order's or its group's
    amount     in the order's currency; None in a command: what the units are worth, or everything
    seq        which refund of the order or its group it is, from 1; 0 = of an older hub, or done elsewhere
    """

    of: str = ""
    remark: str = ""
    reason: str = ""
    lines: Units = {}
    amount: Decimal | None = None
    at: int | None = None
    seq: int = 0
