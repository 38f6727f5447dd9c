"""The demo for every dialect there is."""

from tests.support.demos import (
    demo_file,
    demo_template,
    demo_url,
    hub,
    postgres_demo,
    quiet_logs,
    sqlite_demo,
)

__all__ = [
    "demo_file",
    "demo_template",
    "demo_url",
    "hub",
    "postgres_demo",
    "quiet_logs",
    "sqlite_demo",
]
