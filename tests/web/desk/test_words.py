"""What the desk says: in two languages, complete, and by tables that are total."""

import re
from string import Formatter
from typing import Any

import pytest

from orderhub.core.life import EVENT_KINDS
from orderhub.core.people import Role
from orderhub.core.values import Status
from orderhub.dialects.contract import FaultKind
from orderhub.web.desk.language import CHINESE, ENGLISH, LANGUAGES, accepted, catalogue, chosen
from orderhub.web.desk.people import ROLES
from orderhub.web.desk.statuses import BADGES, TABS
from orderhub.web.desk.timeline import SENTENCES
from orderhub.web.desk.words import FAULTS
from tools import messages

_PLACES = re.compile(r"%\((\w+)\)s")
CATALOGUES = sorted(messages.LOCALES.glob("*.po"))


def test_there_is_a_catalogue_for_every_language_but_english() -> None:
    assert {path.stem for path in CATALOGUES} == {*LANGUAGES} - {ENGLISH}


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)
def test_a_catalogue_says_all_that_the_desk_says_and_nothing_else(path: Any) -> None:
    assert messages.waiting(path) == [], "translate these"
    assert messages.completed(path) == path.read_bytes(), "run `make messages`"


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)
def test_a_translation_has_the_places_of_its_text(path: Any) -> None:
    for each in messages.known(path):
        if not each.id:
            continue
        texts = each.id if isinstance(each.id, tuple) else (each.id,)
        said = each.string if isinstance(each.string, tuple) else (each.string,)
        known = {name for text in texts for name in _PLACES.findall(text)}
        for text in said:
            assert set(_PLACES.findall(text)) <= known, text
            assert "%" not in _PLACES.sub("", text), text
            assert not [name for _, name, _, _ in Formatter().parse(text) if name], text


def test_every_text_that_python_says_is_marked_where_it_stands() -> None:
    """`_(page.title)` in a template says what Python marked: a text without a mark would stay English."""
    said = {each.id if isinstance(each.id, str) else each.id[0] for each in messages.said()}
    for status, badge in BADGES.items():
        assert badge.word in said, status
    for _, title, text in FAULTS.values():
        assert {title, text} <= {*said, ""}
    assert {title for _, title in TABS} <= said
    assert {text for pair in ROLES.values() for text in pair} <= said
    assert set(SENTENCES.values()) <= said


def test_tables_are_total() -> None:
    assert set(BADGES) == set(Status)
    assert set(FAULTS) == set(FaultKind)
    assert set(ROLES) == set(Role)
    assert set(SENTENCES) == set(EVENT_KINDS)
    assert {status for status, _ in TABS} == {"", *Status}


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", ENGLISH),
        ("zh", CHINESE),
        ("zh-CN,zh;q=0.9,en;q=0.8", CHINESE),
        ("zh-Hans-CN", CHINESE),
        ("en-US,en;q=0.9,zh-CN;q=0.8", ENGLISH),
        ("fr-FR,zh;q=0.5", CHINESE),
        ("fr-FR", ENGLISH),
        ("zh;q=nonsense,;;;,*", ENGLISH),
        ("en;q=0.1,zh;q=0.9", CHINESE),
        ("x" * 10_000, ENGLISH),
    ],
)
def test_the_browsers_language_is_spoken_where_it_is_known(header: str, language: str) -> None:
    assert chosen(accepted(header)) == language


def test_numbers_have_their_forms() -> None:
    one, many = "within a day", "within %(num)s days"
    assert catalogue(ENGLISH).ngettext(one, many, 1) == one
    assert catalogue(ENGLISH).ngettext(one, many, 2) == many
    text = next(each for each in messages.said() if isinstance(each.id, tuple))
    assert "%(num)s" in catalogue(CHINESE).ngettext(text.id[0], text.id[1], 1)
