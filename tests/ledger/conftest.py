"""A ledger with a small world in it, on either database."""

from tests.support.demos import demo_file, demo_template
from tests.support.worlds import (
    ledger,
    postgres_world,
    sqlite_world,
    worker,
    world_file,
    world_template,
    world_url,
)

__all__ = [
    "demo_file",
    "demo_template",
    "ledger",
    "postgres_world",
    "sqlite_world",
    "worker",
    "world_file",
    "world_template",
    "world_url",
]
