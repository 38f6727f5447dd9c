"""The command line: the same use cases as the web."""

from __future__ import annotations


def main() -> None:
    """Entry point of `orderhub`."""
    from orderhub.cli.commands import app

    app()
