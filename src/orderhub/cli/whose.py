"""What belongs to one tenant, over the hub's API: whose it is, and by which way the hub is reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from orderhub.cli.tokens import Database, Token, Url

Tenant = Annotated[str | None, typer.Option(help="Whose; a tenant's own token knows it.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="The same answer, and nothing is kept.")]

WHOSE = {"tenant": "--tenant", "id": "ID"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Whose, and by which way."""

    tenant: Tenant = None
    database: Database = None
    url: Url = None
    token: Token = None


def sent(
    reach: Reach,
    *path: str,
    method: str = "POST",
    body: dict[str, Any] | None = None,
    typed: Mapping[str, str] | None = None,
    is_dry: bool = False,
) -> Any:
    """What is answered to a call of a resource whose list is its first part; refusals are one sentence."""
    from orderhub.cli.session import answer_of, path_of

    headers = {"Hub-Dry-Run": "true"} if is_dry else {}
    with reached_for(reach, path[0]) as (send, whose):
        asked = {"params": whose, "headers": headers} | ({} if body is None else {"json": body})
        return answer_of(send(method, path_of(*path), **asked), {**WHOSE, **(typed or {})})


def listed(
    reach: Reach,
    *path: str,
    wanted: Mapping[str, str] | None = None,
    most: int = 0,
    typed: Mapping[str, str] | None = None,
) -> tuple[list[Any], bool]:
    """The items of a list, at most so many (0 = all), and whether there are more."""
    from orderhub.cli.session import items_of, path_of

    with reached_for(reach, path[0]) as (send, whose):
        asked = {**whose, **(wanted or {})}
        return items_of(send, path_of(*path), asked, most=most, typed={**WHOSE, **(typed or {})})


@contextmanager
def reached_for(asked: Reach, what: str) -> Iterator[tuple[Any, dict[str, str]]]:
    """The hub, and the parameter that says whose are meant: none where the token is a tenant's own."""
    from orderhub.cli.session import one_sentence, own_tenant, path_of, reached

    where = {"database": asked.database, "url": asked.url, "token": asked.token}
    with one_sentence(), reached(**where) as send:
        if asked.tenant is None and send("GET", path_of(what), params={"limit": "1"}).is_success:
            yield send, {}
        else:
            yield send, {"tenant": own_tenant(send, asked.tenant)}
