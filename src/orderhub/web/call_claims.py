"""What a call's commands are bound under: its Idempotency-Key, or its very content where the credential asks for it."""

from __future__ import annotations

from orderhub.core.commands import Command, PlaceOrder
from orderhub.dialects.codec import decode
from orderhub.dialects.contract import Call, Fault, FaultKind, HTTPFault
from orderhub.intake.claims import Claim, fingerprint, is_usable_key, of_body, of_part
from orderhub.ledger.batch import ClaimName


def claim_of(call: Call, command: Command, scope: str) -> Claim | None:
    """The claim of the next command; None = a repeat of it is done again. An empty `scope` binds nothing.

    Raises HTTPFault(KEY_INVALID) for a key that is no key.
    """
    return claim_of_key(call, command.origin.tenant_id, scope) or _claim_of_body(
        call, command, scope
    )


def claim_of_key(call: Call, tenant_id: int, scope: str) -> Claim | None:
    """The claim that the call's key makes. Raises HTTPFault(KEY_INVALID) for a key that is no key."""
    key = call.headers.get("idempotency-key")
    if not scope or key is None:
        return None
    if not is_usable_key(key):
        message = "Idempotency-Key must be 1 to 255 printable characters"
        raise HTTPFault(Fault(FaultKind.KEY_INVALID, message))
    # A call that submits several commands binds each of them under a key of its own.
    call.bound_commands += 1
    name = ClaimName(tenant_id, scope, of_part(key, call.bound_commands))
    return Claim(name, _fingerprint(call))


def _claim_of_body(call: Call, command: Command, scope: str) -> Claim | None:
    """A credential may ask that the same body within so many seconds counts as a repeat."""
    if not scope or call.caller is None or not isinstance(command, PlaceOrder):
        return None
    window_s = call.caller.credential.data.get("repeat_window_s", 0)
    if not window_s:
        return None
    window_us = int(window_s * 1_000_000)
    return of_body(command.origin.tenant_id, scope, _fingerprint(call), window_us)


def _fingerprint(call: Call) -> str:
    try:
        body: object = decode(call.body) if call.body else b""
    except HTTPFault:
        body = call.body
    return fingerprint(call.dialect.name, call.method, call.path, body, call.dialect.secrets)
