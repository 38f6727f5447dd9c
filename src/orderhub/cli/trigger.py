"""orderhub trigger: makes one event happen, by real commands over the hub's API, in a sandbox."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from orderhub.cli.tokens import Database, Token, Url

Ask = Callable[..., Any]

# Kind -> what leads a new order there: the last step is the one that it is about.
STEPS: dict[str, tuple[str, ...]] = {
    "order.placed": (),
    "order.amended": ("amend",),
    "order.paid": ("pay",),
    "order.shipped_in_part": ("amend", "pay", "ship-part"),
    "order.shipped": ("pay", "ship"),
    "order.completed": ("pay", "complete"),
    "order.cancelled": ("cancel",),
    "order.refund_requested": ("pay", "request-refund"),
    "order.refund_rejected": ("pay", "request-refund", "reject-refund"),
    "order.refunded_in_part": ("pay", "refund-part"),
    "order.refunded": ("pay", "refund"),
}
STOCK = ("pool.low", "pool.out", "pool.back")
ACCOUNTS = ("account.added", "account.changed", "payment.added")
# What no call of the hub's API makes happen by itself.
NOT_FROM_HERE = {
    "order.lines_cancelled": "a vendor's door cancels single lines of an order, such as Mews' orderItems/cancel",
    "order.redacted": "`orderhub person forget` takes a person's data out of all of their orders",
    "handover.placed": "a vendor takes an order that a route hands on to it, or `orderhub handover placed` says so",
    "handover.refused": "a vendor refuses an order that is handed on to it, or `orderhub handover drop` says so",
    "handover.unsure": "nobody can know whether a vendor has an order that was handed on to it",
    "webhook.off": "the hub switches a webhook off whose receiver answers 410, or fails for three days",
}
_PRICE = 20
_DOOR = "/v2.1/orders"
_MEWS = "/api/connector/v1"
_AT_DOOR = (
    "A sale comes in by a vendor's door: give a tenant's own token that has the scope dialects."
)


def trigger(
    kind: Annotated[str, typer.Argument(help="A kind of event, such as order.paid.")],
    order: Annotated[
        str | None, typer.Option(help="The uid of an order that it happens to; none = a new one.")
    ] = None,
    tenant: Annotated[
        str | None, typer.Option(help="Whose; a tenant's own token knows it.")
    ] = None,
    database: Database = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Make one event happen in a sandbox, with what leads there; prints what was done.

    A new order is a sale recorded at the Sitecore CDP door, which needs no catalogue; accounts and payments come in by
    the Mews door; of stock it is the first pool.
    """
    from orderhub.cli.session import CommandRefused, answer_of, one_sentence, reached

    with one_sentence():
        _refuse_unknown(kind, order)
        with reached(database=database, url=url, token=token) as send:

            def ask(method: str, path: str, **more: Any) -> Any:
                answer = send(method, path, **more)
                if not answer.is_success and not path.startswith("/hub/"):
                    is_stranger = answer.status_code in (401, 403)
                    raise CommandRefused(
                        _AT_DOOR if is_stranger else f"{path} says: {answer.text[:300]}"
                    )
                return answer_of(answer)

            name = tenant or _own_tenant(ask)
            settings = ask("GET", f"/hub/v1/tenants/{name}/settings")
            if not settings["sandbox"]:
                raise CommandRefused(
                    f"{name} is no sandbox: in a real business nothing is made up."
                )
            if kind in STOCK:
                _move_stock(ask, name, kind)
            elif kind in ACCOUNTS:
                _charge_account(ask, kind, settings["currency"])
            else:
                _move_order(ask, kind, order)


def _refuse_unknown(kind: str, order: str | None) -> None:
    """Raises CommandRefused with the kinds that there are, or why this one is not made here."""
    from orderhub.cli.session import CommandRefused
    from orderhub.core.feed import KINDS

    if kind in NOT_FROM_HERE:
        raise CommandRefused(f"{kind} is not made from here: {NOT_FROM_HERE[kind]}.")
    if kind not in KINDS:
        raise CommandRefused(f"KIND: {kind} is none of {', '.join((*STEPS, *STOCK, *ACCOUNTS))}.")
    if order is not None and kind in ("order.placed", *STOCK, *ACCOUNTS):
        raise CommandRefused(f"--order: {kind} does not happen to an order that is there.")


def _own_tenant(ask: Ask) -> str:
    """Raises CommandRefused where it is not the only one."""
    from orderhub.cli.session import CommandRefused

    names = [each["name"] for each in ask("GET", "/hub/v1/tenants", params={"limit": "2"})["items"]]
    if len(names) != 1:
        raise CommandRefused("--tenant: whose? The token is an operator's.")
    return str(names[0])


def _did(what: str, about: str) -> None:
    """A line for each thing that happened, as it happens."""
    from orderhub.cli.terminal import asks_json

    line = f"{what} {about}"
    if asks_json():
        import msgspec

        line = msgspec.json.encode({"kind": what, "about": about}).decode()
    typer.echo(line)


# --- orders


def _move_order(ask: Ask, kind: str, order: str | None) -> None:
    steps = STEPS[kind]
    if order is None:
        order = _place(ask)
        _did("order.placed", order)
    else:
        steps = steps[-1:]
    for step in steps:
        _take(ask, step, order)
        _did(_KIND_OF[step], order)


_KIND_OF = {steps[-1]: kind for kind, steps in STEPS.items() if steps}


def _place(ask: Ask) -> str:
    """The uid of a new order."""
    sale = {
        "referenceId": f"TRIGGER_{secrets.token_hex(6).upper()}",
        "orderedAt": _now(),
        "price": _PRICE,
        "currencyCode": "EUR",
    }
    return str(ask("POST", _DOOR, json=sale)["ref"])


def _take(ask: Ask, step: str, order: str) -> None:
    path = f"/hub/v1/orders/{order}"
    match step:
        case "amend":
            item = {
                "referenceId": f"ITEM_{secrets.token_hex(6).upper()}",
                "productId": "TRIGGER",
                "name": "Something more",
                "quantity": 2,
                "price": _PRICE // 2,
                "currencyCode": "EUR",
                "orderedAt": _now(),
                "type": "TRIGGER",
            }
            ask("POST", f"{_DOOR}/{order}/orderItems", json=item)
        case "ship-part":
            ask("POST", f"{path}/ship", json={"lines": [_a_unit(ask, order)]})
        case "refund-part":
            ask("POST", f"{path}/refund", json={"amount": "1"})
        case _:
            ask("POST", f"{path}/{step}", json={})


def _a_unit(ask: Ask, order: str) -> dict[str, int]:
    """One unit of the first line that would not all be shipped with it."""
    from orderhub.cli.session import CommandRefused

    lines = ask("GET", f"/hub/v1/orders/{order}")["lines"]
    open_ = [(line["line_no"], line["quantity"] - line["shipped"]) for line in lines]
    found = next((number for number, left in open_ if left), None)
    if found is None or sum(left for _, left in open_) < 2:
        raise CommandRefused("--order: it has not two units left, of which one could be shipped.")
    return {"line_no": found, "quantity": 1}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- accounts


def _charge_account(ask: Ask, kind: str, currency: str) -> None:
    """A new account, and what happens to it."""
    email = f"trigger-{secrets.token_hex(6)}@example.com"
    customer = {
        "FirstName": "Somebody",
        "LastName": "Triggered",
        "Email": email,
        "OverwriteExisting": False,
    }
    account = ask("POST", f"{_MEWS}/customers/add", json=customer)["Id"]
    _did("account.added", account)
    if kind == "account.changed":
        again = {**customer, "FirstName": "Somebody else", "OverwriteExisting": True}
        ask("POST", f"{_MEWS}/customers/add", json=again)
        _did(kind, account)
    elif kind == "payment.added":
        amount = {"Currency": currency, "GrossValue": _PRICE}
        paid = ask(
            "POST", f"{_MEWS}/payments/addExternal", json={"AccountId": account, "Amount": amount}
        )
        _did(kind, paid["ExternalPaymentId"])


# --- stock


def _move_stock(ask: Ask, tenant: str, kind: str) -> None:
    """The first pool that is not there yet comes to that level; one that shall come back first goes low, if it must."""
    from orderhub.cli.session import CommandRefused

    base = f"/hub/v1/tenants/{tenant}/pools"
    pools = ask("GET", base, params={"kind": "stock", "limit": "1000"})["items"]
    short = [each for each in pools if each["available"] <= max(each["low_at"], 0)]
    full = [each for each in pools if each not in short and each["available"] >= 2]
    if kind == "pool.back" and not short and full:
        short = [_adjusted(ask, base, full[0], "pool.low")]
    found = short if kind == "pool.back" else full
    if not found:
        raise CommandRefused(f"{tenant} has no pool of stock with two units or more.")
    _adjusted(ask, base, found[0], kind)


def _adjusted(ask: Ask, base: str, pool: Mapping[str, Any], kind: str) -> Any:
    """The pool as it is once that happened to it."""
    named = {"kind": "stock", "subject": pool["subject"], "place": pool["place"]}
    move: dict[str, int] = {"count": 0}
    if kind == "pool.low":
        move = {"by": -1, "low_at": pool["available"] - 1}
    elif kind == "pool.back":
        move = {"count": max(pool["available"], pool["low_at"], 0) + 1}
    after = ask("POST", f"{base}/adjust", json={**named, **move, "reason": f"trigger {kind}"})
    _did(kind, f"{pool['subject']} {pool['place']}: {pool['available']} -> {after['available']}")
    return after
