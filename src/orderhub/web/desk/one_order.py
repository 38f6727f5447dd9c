"""One order of the tenant that somebody looks at, and where its page is."""

from __future__ import annotations

from orderhub.core.commands import OrderName
from orderhub.core.queries import Reads
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Order
from orderhub.dialects.contract import CommandRejected
from orderhub.web.desk.page import HOME, Visitor


def one(reads: Reads, visitor: Visitor, uid: str) -> Order:
    """The order of the tenant. Raises CommandRejected: another's is as unknown as none."""
    found = reads.order(visitor.at.id, OrderName("uid", uid.lower()))
    if found is None:
        raise CommandRejected(Rejected(Reason.ORDER_UNKNOWN, "uid", f"no order {uid}"))
    return found


def path_of(order: Order) -> str:
    return f"{HOME}/{order.uid}"
