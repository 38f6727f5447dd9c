"""Documents say what the program says: settings, kinds of the catalogue and of credentials, its members."""

from pathlib import Path

import pytest

from orderhub.settings import describe
from orderhub.web.hub_api.catalogue_kinds import KINDS
from tools.documents import ROOT, documents, kinds_table, settings_table, with_table

WANTED = documents()


@pytest.mark.parametrize("path", WANTED, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_is_what_the_program_says(path: Path) -> None:
    assert path.read_text("utf-8") == WANTED[path], "run `make docs`"


def test_the_tables_have_every_setting_and_every_kind_in_their_order() -> None:
    settings = [row.split("`")[1] for row in settings_table().splitlines()[2:]]
    assert settings == [variable for variable, _, _ in describe()]
    assert [row.split("`")[1] for row in kinds_table().splitlines()[2:]] == list(KINDS)


def test_a_table_is_replaced_and_the_prose_around_it_stays() -> None:
    text = "# A\n\n| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n\nprose | with a bar\n"
    assert with_table(text, "| a | b |\n|---|---|\n| 5 | 6 |") == (
        "# A\n\n| a | b |\n|---|---|\n| 5 | 6 |\n\nprose | with a bar\n"
    )


def test_of_tables_with_one_head_that_under_the_heading_is_replaced() -> None:
    text = "## A\n\n| a |\n|---|\n| 1 |\n\n## B\n\nprose\n\n| a |\n|---|\n| 2 |\n"
    assert with_table(text, "| a |\n|---|\n| 3 |", "## B") == text.replace("| 2 |", "| 3 |")
    with pytest.raises(ValueError, match="once"):
        with_table(text.replace("## B", "## B\n\n## C"), "| a |\n|---|", "## B")


@pytest.mark.parametrize("text", ["# A\n", "| a |\n|---|\n\n| a |\n|---|\n"])
def test_a_table_that_is_missing_or_stands_there_twice_is_a_mistake(text: str) -> None:
    with pytest.raises(ValueError, match="once"):
        with_table(text, "| a |\n|---|")
