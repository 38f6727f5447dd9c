"""What the program itself says in the documents: `make docs` writes it, a test holds that it is up to date.

A document is generated as a whole, or holds tables that are. A table under docs/ is known by its head, and where
several have one head by the heading above it; it ends with its last row. Those of a dialect's README stand between
two comments. The prose around them is written by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from orderhub.dialects import member_tables
from orderhub.dialects.finding import find_dialects
from orderhub.settings import describe
from orderhub.web.hub_api import catalogue_guide, credential_kinds, hub_api
from orderhub.web.hub_api.access import Guard
from orderhub.web.hub_api.catalogue_kinds import KINDS

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


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


def calls_tables() -> dict[str, str]:
    """Heading of the guide to the hub API -> the calls that stand under it, out of their routes."""
    rows: dict[str, list[str]] = {}
    for route in hub_api(find_dialects()).routes:
        if isinstance(route.handler, Guard):
            row = f"| `{route.method} {route.path}` | {route.summary} | `{route.handler.scope}` |"
            rows.setdefault(HEADINGS[route.tag], []).append(row)
    head = ("| call | what it does | scope |", "|---|---|---|")
    return {heading: "\n".join((*head, *calls)) for heading, calls in rows.items()}


# Tag of a route -> the heading that it is told under.
HEADINGS = {
    "orders": "## Orders",
    "events": "## Events",
    "catalogue": "## Catalogue",
    "webhooks": "## Webhooks",
    "relay": "## Relay",
    "pools": "## Pools",
    **dict.fromkeys(("tenants", "sandboxes"), "## Tenants, settings, clocks"),
    "credentials": "## Credentials",
    "users": "## Users",
    "persons": "## Persons",
    "plans": "## Plans",
    "requests": "## Requests",
    "reports": "## Reports",
}
WHOLE: Mapping[str, Callable[[], str]] = {"catalogue.md": catalogue_guide.guide}
TABLES: Mapping[str, tuple[Callable[[], str], ...]] = {
    "settings.md": (settings_table,),
    "hub-api.md": (kinds_table, credentials_table),
}


def with_table(text: str, table: str, heading: str = "") -> str:
    """The text with the table that has the same head (the first under the heading) replaced.

    Raises ValueError where there is none, or without a heading several.
    """
    head = table.partition("\n")[0]
    at = text.index(f"\n{heading}\n") if heading else 0
    before, found, after = text[at:].partition(f"{head}\n")
    is_elsewhere = "\n## " in before[1:] if heading else head in after
    if not found or is_elsewhere:
        raise ValueError(f"The head {head!r} must stand there once.")
    before = text[:at] + before
    rows = after.splitlines(keepends=True)
    count = next((n for n, row in enumerate(rows) if not row.startswith("|")), len(rows))
    return f"{before}{table}\n{''.join(rows[count:])}"


def documents() -> dict[Path, str]:
    """File -> its text as it should be."""
    wanted = {DOCS / name: write() for name, write in WHOLE.items()}
    for name, tables in TABLES.items():
        text = (DOCS / name).read_text("utf-8")
        for table in tables:
            text = with_table(text, table())
        wanted[DOCS / name] = text
    guide = DOCS / "hub-api.md"
    for heading, calls in calls_tables().items():
        wanted[guide] = with_table(wanted[guide], calls, heading)
    for package, readme in member_tables.readmes():
        wanted[readme] = member_tables.written(readme.read_text("utf-8"), package)
    return wanted


def main() -> None:
    for path, text in documents().items():
        if path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            print(f"{path.relative_to(ROOT)} is written anew.")


if __name__ == "__main__":
    main()
