"""What the program itself says in the documents: `make docs` writes it, a test holds that it is up to date.

A document is generated as a whole, or holds a table that is. A table is known by its head and ends with its
last row; the prose around it is written by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from orderhub.dialects.finding import find_dialects
from orderhub.settings import describe
from orderhub.web.hub_api import catalogue_guide, credential_kinds
from orderhub.web.hub_api.catalogue_kinds import KINDS

DOCS = Path(__file__).resolve().parents[1] / "docs"


def settings_table() -> str:
    """Every setting of the program, out of settings.py."""
    head = ("| variable | default | meaning |", "|---|---|---|")
    rows = (
        f"| `{variable}` | {f'`{default}`' if default else 'empty'} | {meaning} |"
        for variable, default, meaning in describe()
    )
    return "\n".join((*head, *rows))


def kinds_table() -> str:
    """Every kind of the catalogue, out of catalogue_kinds.py."""
    head = ("| kind | what it holds | record kind, and members of a view |", "|---|---|---|")
    rows = []
    for kind in KINDS.values():
        record = f"{kind.record}: {', '.join(kind.members)}" if kind.members else kind.record
        if kind.opening:
            record += f"; of a new one also {', '.join(kind.opening)}"
        rows.append(f"| `{kind.name}` | {kind.what} | {record} |")
    return "\n".join((*head, *rows))


def credentials_table() -> str:
    """Every kind of credential, out of the dialects."""
    return credential_kinds.guide(find_dialects())


WHOLE: Mapping[str, Callable[[], str]] = {"catalogue.md": catalogue_guide.guide}
TABLES: Mapping[str, tuple[Callable[[], str], ...]] = {
    "settings.md": (settings_table,),
    "hub-api.md": (kinds_table, credentials_table),
}


def with_table(text: str, table: str) -> str:
    """The text with the table that has the same head replaced. Raises ValueError without one."""
    head = table.partition("\n")[0]
    before, found, after = text.partition(f"{head}\n")
    if not found or head in after:
        raise ValueError(f"The head {head!r} must stand there once.")
    rows = after.splitlines(keepends=True)
    count = next((n for n, row in enumerate(rows) if not row.startswith("|")), len(rows))
    return f"{before}{table}\n{''.join(rows[count:])}"


def documents() -> dict[str, str]:
    """File name under docs/ -> its text as it should be."""
    wanted = {name: write() for name, write in WHOLE.items()}
    for name, tables in TABLES.items():
        text = (DOCS / name).read_text("utf-8")
        for table in tables:
            text = with_table(text, table())
        wanted[name] = text
    return wanted


def main() -> None:
    for name, text in documents().items():
        if (DOCS / name).read_text("utf-8") != text:
            (DOCS / name).write_text(text, "utf-8")
            print(f"docs/{name} is written anew.")


if __name__ == "__main__":
    main()
