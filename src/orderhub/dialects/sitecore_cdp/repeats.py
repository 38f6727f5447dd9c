"""Repeats under an Idempotency-Key, where a handler looks before it submits."""

from __future__ import annotations

from orderhub.core.commands import Action, ChangeOrder, OrderName
from orderhub.core.known import Accepted
from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.contract import Answer, Call, Handler, Refused


def replayable(handler: Handler) -> Handler:
    """A repeat gets the first answer, even where the first call made its own look-up fail.

    Deleting an order twice under one key finds no order the second time. The refusal is therefore
    given only after the intake has looked for the key: by a command that nothing can be meant by.
    """

    async def handled(call: Call) -> Answer:
        try:
            return await handler(call)
        except Refused as refused:
            caller = call.caller
            if caller is None or not call.header("idempotency-key"):
                raise
            found = refused.rejected

        def worded(rejected: Rejected) -> Answer:
            reused = rejected.reason is Reason.KEY_REUSED
            return call.dialect.refusal(call, rejected if reused else found)

        first_attempt(call)
        nothing = ChangeOrder(
            origin=call.origin(caller, call.body), name=OrderName("uid", ""), action=Action.AMEND
        )
        return await call.submit(nothing, _never, worded)

    handled.__doc__ = handler.__doc__
    return handled


def first_attempt(call: Call) -> None:
    """The next submit is bound under the key itself.

    The hub binds each command of a call under a key of its own. A command that is tried again
    because another one came first is still the call's first.
    """
    call.notes.pop("keyed", None)


def _never(_accepted: Accepted) -> Answer:
    raise AssertionError("no order is called nothing")


def apart(call: Call) -> Call:
    """The same call without its Idempotency-Key: for commands nobody asked for.

    A guest made on the way to a contact must not be bound to the contact's key; a dry run
    stays a dry run.
    """
    dry_run = call.header("hub-dry-run")
    other = Call(
        hub=call.hub,
        dialect=call.dialect,
        method=call.method,
        path=call.path,
        query_string=call.query_string,
        headers={"hub-dry-run": dry_run} if dry_run else {},
        params=call.params,
        client=call.client,
        request_id=call.request_id,
        received_at=call.received_at,
    )
    other.caller = call.caller
    return other
