"""The names that accounts, bills and payments are searched by."""

from __future__ import annotations

from orderhub.core.accounts import Account, Bill, Payment


def account_keys(account: Account) -> tuple[tuple[str, str], ...]:
    """The names an account is searched by. Emails are compared without case."""
    pairs = [("kind", account.kind.value)]
    data = account.data
    for name, value in (
        ("email", account.email.lower()),
        ("last_name", account.last_name),
        ("first_name", account.first_name),
        ("loyalty_code", data.get("LoyaltyCode")),
        ("external", data.get("ExternalIdentifier")),
        ("company", data.get("CompanyId")),
    ):
        if value:
            pairs.append((name, value))
    return tuple(pairs)


def bill_keys(bill: Bill) -> tuple[tuple[str, str], ...]:
    return (("state", bill.state.value), ("account", bill.account))


def payment_keys(payment: Payment) -> tuple[tuple[str, str], ...]:
    pairs = [("account", payment.account)]
    if payment.bill:
        pairs.append(("bill", payment.bill))
    return tuple(pairs)
