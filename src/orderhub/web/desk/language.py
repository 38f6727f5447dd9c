"""English, and 简体中文 out of one catalogue: what is said is written in English where it is said.

The catalogue is a gettext file (`locale/*.po`) read as it is; `make messages` keeps it complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from gettext import NullTranslations
from importlib import resources

from babel import Locale, negotiate_locale
from babel.messages.pofile import read_po

ENGLISH, CHINESE = "en", "zh_Hans_CN"
LANGUAGES: Mapping[str, str] = {ENGLISH: "English", CHINESE: "简体中文"}
# What browsers call them.
_ALIASES = {"zh": CHINESE, "zh_CN": CHINESE, "zh_SG": CHINESE, "zh_Hans": CHINESE}
_CATALOGUES = {CHINESE: f"{CHINESE}.po"}


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for it
    """Marks a text that is said later, in the reader's language."""
    return text


class Catalogue(NullTranslations):
    """What is said in one language; a text without a translation is said in English."""

    def __init__(self, texts: Mapping[str, str | tuple[str, ...]]) -> None:
        super().__init__()
        self._texts = texts

    def gettext(self, message: str) -> str:
        found = self._texts.get(message)
        return found if isinstance(found, str) and found else message

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        found = self._texts.get(msgid1)
        if isinstance(found, tuple) and any(found):
            return found[0]  # Chinese has one form for every number
        return msgid1 if n == 1 else msgid2


@cache
def catalogue(language: str) -> Catalogue:
    name = _CATALOGUES.get(language)
    if name is None:
        return Catalogue({})
    with (resources.files("orderhub.web.desk") / "locale" / name).open("rb") as file:
        found = read_po(file, locale=language)
    texts: dict[str, str | tuple[str, ...]] = {}
    for each in found:
        if each.pluralizable:
            texts[each.id[0]] = tuple(each.string or ())
        elif each.id:
            texts[str(each.id)] = str(each.string)
    return Catalogue(texts)


@cache
def locale_of(language: str) -> Locale:
    return Locale.parse(language)


def chosen(*wishes: str) -> str:
    """The first of these that is a language of the desk's; else English."""
    return next((each for each in wishes if each in LANGUAGES), ENGLISH)


def accepted(header: str) -> str:
    """What an `Accept-Language` header asks for, or empty."""
    wishes: list[tuple[float, str]] = []
    for each in header[:500].split(","):
        tag, _, weight = each.strip().partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            continue
        wishes.append((-quality, tag.strip().replace("-", "_")))
    asked = [tag for _, tag in sorted(wishes, key=lambda wish: wish[0]) if tag]
    found = negotiate_locale(asked, [*LANGUAGES, *_ALIASES], sep="_", aliases=_ALIASES)
    return _ALIASES.get(found or "", found or "")
