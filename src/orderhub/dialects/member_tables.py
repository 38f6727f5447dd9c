"""python -m orderhub.dialects.member_tables: writes the tables of requests in every dialect's README anew.

A table stands between `<!-- members: wire.CreateOrder -->` and `<!-- end -->`; the rest of a README is by hand.
"""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path

from orderhub.dialects.finding import find_dialects
from orderhub.dialects.members import table_of

_TABLE = re.compile(r"<!-- members: (\w+)\.(\w+) -->\n.*?<!-- end -->\n", re.DOTALL)
_HEAD = "| member | rule | meaning |\n|---|---|---|\n"


def written(text: str, package: str) -> str:
    """The README with its tables as the package's requests have it. Raises AttributeError for one that it has not."""

    def table(found: re.Match[str]) -> str:
        model = getattr(import_module(f"{package}.{found[1]}"), found[2])
        rows = "\n".join(table_of(model))
        return f"<!-- members: {found[1]}.{found[2]} -->\n{_HEAD}{rows}\n<!-- end -->\n"

    return _TABLE.sub(table, text)


def readmes() -> list[tuple[str, Path]]:
    """(package, its README) of every dialect."""
    folder = Path(__file__).parent
    names = sorted(each.name for each in find_dialects())
    return [(f"orderhub.dialects.{name}", folder / name / "README.md") for name in names]


if __name__ == "__main__":
    for package, path in readmes():
        before = path.read_text()
        after = written(before, package)
        if after != before:
            path.write_text(after)
            sys.stdout.write(f"{path} is written anew\n")
