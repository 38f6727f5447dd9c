"""The names that accounts are searched by."""

from __future__ import annotations

from orderhub.core.accounts import Account


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
