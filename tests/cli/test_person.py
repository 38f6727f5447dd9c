"""orderhub person: told and forgotten from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orderhub.cli.commands import app
from tests.support.calls import copied
from tests.support.hub import SECRET_KEY

EMAIL = "other@example.com"


@pytest.fixture
def url(demo_file: Path, tmp_path: Path) -> str:
    return copied(demo_file, tmp_path)


def asked(url: str, *words: str, exit_code: int = 0) -> Any:
    env = {"ORDERHUB_DATABASE": url, "ORDERHUB_SECRET_KEY": SECRET_KEY}
    found = CliRunner(env=env).invoke(app, ["person", *words])
    assert found.exit_code == exit_code, found.output
    return json.loads(found.stdout) if not exit_code else found.stderr


def test_a_person_is_told_previewed_forgotten_and_gone(url: str) -> None:
    who = ("--email", EMAIL.upper(), "--tenant", "shop")
    (record,) = asked(url, "export", *who)["records"]
    assert record["data"]["email"] == EMAIL
    said = asked(url, "forget", *who, "--dry-run")
    assert {each["kind"] for each in said["records"]} == {"user", "anqicms.login"}
    assert asked(url, "export", *who)["records"]
    assert asked(url, "forget", *who) == said
    assert asked(url, "export", *who)["records"] == []
    assert asked(url, "forget", *who)["records"] == []


def test_what_cannot_be_is_said_in_a_sentence(url: str) -> None:
    said = asked(url, "forget", "--email", "nobody", "--tenant", "shop", exit_code=2)
    assert said.startswith("orderhub: --email")
    unknown = (
        "--email",
        EMAIL,
        "--tenant",
        "shop",
        "--order",
        "01234567-0000-7000-8000-000000000000",
    )
    said = asked(url, "forget", *unknown, exit_code=2)
    assert "no order 01234567" in said
