"""The names that accounts are searched by."""

from __future__ import annotations

from orderhub.core.accounts import Account
from orderhub.dialects.scalars import as_text


def account_keys(account: Account) -> tuple[tuple[str, str], ...]:
    """The names an account is searched by. Emails are compared without case."""
    pairs = [("kind", account.kind.value)]
    data = account.data
    for name, value in (
        ("email", account.email.lower()),
        ("last_name", account.last_name),
        ("first_name", account.first_name),
        # What an account of earlier versions has here may be a number.
        ("loyalty_code", as_text(data.get("LoyaltyCode"))),
        ("external", as_text(data.get("ExternalIdentifier"))),
        ("company", data.get("CompanyId")),
    ):
        if value:
            pairs.append((name, value))
    return tuple(pairs)
