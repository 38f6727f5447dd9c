"""A ledger with a small world in it, on either database."""

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
    "ledger",
    "postgres_world",
    "sqlite_world",
    "worker",
    "world_file",
    "world_template",
    "world_url",
]
