"""orderhub secrets: what is kept encrypted, and under which key."""

from __future__ import annotations

import typer

from orderhub.cli.tokens import Database, Token, Url

app = typer.Typer(help="Secrets that are kept encrypted.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Without it the only command would take the group's name."""


@app.command()
def rotate(database: Database = None, url: Url = None, token: Token = None) -> None:
    """Encrypt every stored secret under ORDERHUB_SECRET_KEY that ORDERHUB_SECRET_KEY_OLD still reads."""
    from orderhub.cli.session import run
    from orderhub.cli.terminal import show

    show(run("POST", "/hub/v1/secrets/rotate", database=database, url=url, token=token))
