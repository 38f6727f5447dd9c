"""Where a handler looks before it submits: tried again, and repeated under an Idempotency-Key."""

from __future__ import annotations

from orderhub.core.commands import Action, ChangeOrder, OrderName
from orderhub.core.facts import Accepted
from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.contract import Answer, Call, Caller, CommandRejected, Handler
from orderhub.dialects.overtaken import first_attempt

# Refusals that say something of the key, whatever else is wrong.
_OF_KEYS = (Reason.KEY_REUSED, Reason.KEY_REDACTED)


def replayable(handler: Handler) -> Handler:
    """A repeat gets the first answer, even where the first call made its own look-up fail.

    Deleting an order twice under one key finds no order the second time. The refusal is therefore
    given only after the intake has looked for the key.
    """

    async def handled(call: Call) -> Answer:
        try:
            return await handler(call)
        except CommandRejected as refused:
            caller = call.caller
            if caller is None or not call.header("idempotency-key"):
                raise
            found = refused.rejected

        def render(rejected: Rejected) -> Answer:
            reused = rejected.reason in _OF_KEYS
            return call.dialect.refusal(call, rejected if reused else found)

        first_attempt(call)
        outcome = await call.submit(nothing(call, caller), _never, render)
        if outcome.rejected is not None and outcome.rejected.reason not in _OF_KEYS:
            call.explain(found)
        return outcome.answer

    handled.__doc__ = handler.__doc__
    return handled


def nothing(call: Call, caller: Caller) -> ChangeOrder:
    """A command that is always refused: only the key it is sent under may have an answer."""
    origin = call.origin(caller, call.body)
    return ChangeOrder(origin=origin, name=OrderName("uid", ""), action=Action.AMEND)


def _never(_accepted: Accepted) -> Answer:
    raise AssertionError("no order is called nothing")


def detached(call: Call, key: str = "") -> Call:
    """The same call without its Idempotency-Key, or under another one.

    For commands nobody asked for: a guest made on the way to a contact must not be bound to the
    contact's key, nor be told of in the contact's log line. A dry run stays a dry run.
    """
    headers = {name: value for name, value in call.headers.items() if name != "idempotency-key"}
    own = {"idempotency-key": key} if key else {}
    return call.copy(headers={**headers, **own}, notes={}, cause=None, bound_commands=0)
