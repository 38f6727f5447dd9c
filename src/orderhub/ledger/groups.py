"""Lists in which a group of orders counts as one: its head, the order with the lowest id."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, case, exists, func, literal_column, or_, select

from orderhub.core.queries import GroupState, OrderQuery
from orderhub.core.values import Status
from orderhub.ledger.tables import orders

# In words, not as a parameter: only then is a partial index known to cover the condition.
EMPTY: ColumnElement[str] = literal_column("''")
_ALONE = orders.c.group_number == EMPTY
_OTHER = orders.alias("other")
# Said again of the other order so that the partial index of groups can be used.
_SAME_GROUP = and_(
    _OTHER.c.tenant_id == orders.c.tenant_id,
    _OTHER.c.group_number != EMPTY,
    _OTHER.c.group_number == orders.c.group_number,
)


def conditions(query: OrderQuery) -> list[ColumnElement[bool]]:
    """What a query asks of whole groups."""
    found: list[ColumnElement[bool]] = []
    if query.heads_only:
        # The sum keeps databases from walking all lower ids instead of the few orders of the group.
        found.append(or_(_ALONE, ~_has(_OTHER.c.id + 0 < orders.c.id)))
        found += _updated(query)
    if query.group_states:
        found.append(or_(*(_holds(state) for state in query.group_states)))
    return found


def _has(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """That the order's group has a member like this."""
    return exists(select(1).where(_SAME_GROUP, condition))


def _holds(state: GroupState) -> ColumnElement[bool]:
    alone = [each.value for each in Status if _suits_one(state, each)]
    parts = [_has(_OTHER.c.status.in_([each.value for each in some])) for some in state.some]
    if state.none:
        parts.append(~_has(_OTHER.c.status.in_([each.value for each in state.none])))
    return or_(and_(_ALONE, orders.c.status.in_(alone)), and_(~_ALONE, *parts))


def _suits_one(state: GroupState, status: Status) -> bool:
    """Whether a group of one order with this status is in this state."""
    return status not in state.none and all(status in some for some in state.some)


def _updated(query: OrderQuery) -> list[ColumnElement[bool]]:
    """A group was updated when the last of its orders was.

    The orders updated since are few, so they are found first and led back to their heads.
    """
    found: list[ColumnElement[bool]] = []
    if query.updated_from is not None:
        member, head = orders.alias("member"), orders.alias("head")
        first = (
            select(func.min(head.c.id + 0))  # as above
            .where(
                head.c.tenant_id == member.c.tenant_id,
                head.c.group_number != EMPTY,
                head.c.group_number == member.c.group_number,
            )
            .scalar_subquery()
        )
        assert query.tenant_id is not None, "groups are listed one tenant at a time"
        since = select(case((member.c.group_number == EMPTY, member.c.id), else_=first)).where(
            member.c.tenant_id == query.tenant_id, member.c.updated_at >= query.updated_from
        )
        found.append(orders.c.id.in_(since))
    if query.updated_to is not None:
        found.append(orders.c.updated_at < query.updated_to)
        found.append(or_(_ALONE, ~_has(_OTHER.c.updated_at >= query.updated_to)))
    return found
