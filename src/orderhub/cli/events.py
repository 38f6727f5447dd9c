"""orderhub events: what happened, an event a line, and what happens from now on."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from orderhub.cli.tokens import Database, Token, Url

_PAGE = "200"
# Well within the time that a command waits for an answer.
_WAIT_S = "25"


def events(
    tenant: Annotated[
        str | None, typer.Option(help="Whose; a tenant's own token knows it.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")
    ] = False,
    after: Annotated[
        str | None,
        typer.Option(help="A cursor, or `end`; none = all, with --follow what comes from now on."),
    ] = None,
    kinds: Annotated[
        str | None, typer.Option(help="With commas, such as order.placed,order.paid; none = all.")
    ] = None,
    database: Database = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Print events as JSON, one a line; the cursor to go on from goes to the standard error."""
    from orderhub.cli.session import answer_of, given, one_sentence, patiently, reached

    cursor = after if after is not None else "end" if follow else ""
    typed = {"tenant": "--tenant", "after": "--after", "kinds": "--kinds"}
    asked = given(tenant=tenant, kinds=kinds)
    with one_sentence(), reached(database=database, url=url, token=token) as send:

        def ask() -> Any:
            query = {**asked, "after": cursor, "limit": _PAGE}
            if follow and cursor != "end":
                query["wait"] = _WAIT_S
            return answer_of(send("GET", "/hub/v1/events", params=query), typed)

        page = None
        try:
            while True:
                # A hub that was there is waited for: the cursor knows what was printed.
                page = patiently(ask) if follow and page is not None else ask()
                _print(page["items"])
                is_over = not page["items"] and not follow
                cursor = page["next_cursor"]
                if is_over:
                    break
        except KeyboardInterrupt:
            pass
        typer.echo(f"next: --after {cursor}", err=True)


def _print(items: list[Any]) -> None:
    import msgspec

    for each in items:
        typer.echo(msgspec.json.encode(each).decode())
