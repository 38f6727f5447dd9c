"""`make migration NAME="orders by channel"`: what tables.py says and the migrations do not say yet, as a new file.

Alembic compares tables.py with a scratch database that all migrations have made. It sees tables, columns, types,
defaults and indexes; not that the condition of a partial index changed, and no data: read what it wrote.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from alembic import command
from alembic.operations.ops import MigrationScript
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from orderhub.ledger.database import head_revision, migrations_config

_FILE = "%%(rev)s_%%(slug)s"  # 0003_orders_by_channel.py
_NOTES = re.compile(r"^ *# ###.*\n", re.MULTILINE)


class NothingToMigrate(Exception):
    """The message is one sentence."""


def write(name: str, *, is_data: bool = False) -> Path:
    """The path of the new migration. Raises NothingToMigrate, unless `is_data`: it is to be filled by hand."""
    config = migrations_config()
    config.set_main_option("file_template", _FILE)
    folder = Path(ScriptDirectory.from_config(config).versions)
    before = set(folder.glob("*.py"))

    def drop_empty(_context: Any, _revision: Any, directives: list[MigrationScript]) -> None:
        assert directives[0].upgrade_ops is not None
        if directives[0].upgrade_ops.is_empty() and not is_data:
            directives.clear()

    with tempfile.TemporaryDirectory() as scratch:
        engine = create_engine(f"sqlite:///{scratch}/scratch.sqlite")
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
            with redirect_stdout(StringIO()):
                command.revision(
                    config,
                    name,
                    autogenerate=True,
                    rev_id=f"{int(head_revision()) + 1:04d}",
                    process_revision_directives=drop_empty,
                )
        engine.dispose()
    if not (made := set(folder.glob("*.py")) - before):
        raise NothingToMigrate(
            "tables.py and the migrations agree already: change tables.py first, "
            "or say ARGS=--data for a migration of data alone."
        )
    (path,) = made
    path.write_text(_NOTES.sub("", path.read_text("utf-8")), "utf-8")
    for words in (["check", "--fix-only", "--quiet"], ["format", "--quiet"]):
        subprocess.run([Path(sys.executable).with_name("ruff"), *words, path], check=True)
    return path


def main() -> int:
    parser = argparse.ArgumentParser(prog="make migration", description=__doc__)
    parser.add_argument("name", help="a few words: they become the file's name and its first line")
    parser.add_argument("--data", action="store_true", help="a migration of data alone")
    words = parser.parse_args()
    if not words.name.strip():
        parser.error('say what it does: make migration NAME="orders by channel"')
    try:
        path = write(words.name.strip(), is_data=words.data)
    except NothingToMigrate as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{path.relative_to(Path.cwd())} is written. Read it; then run `make test`.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
