"""A long text as several pages: one for each of its sections, and a list of them where the text stood."""

from __future__ import annotations

import math
import re
from html import escape, unescape

import msgspec

# No page is higher than 6,000 px at a width of 1280; what is guessed is less than what is drawn.
_MOST_PX = 4_600
_HEADING = re.compile(r'(?=<h2 id="[^"]+">)')
_OF_SECTION = re.compile(r'<h2 id="([^"]+)">(.*?)</h2>(.*)', re.DOTALL)
_PLACE = re.compile(r' id="([^"]+)"')
_TAG = re.compile("<[^>]*>")
_LINK = re.compile(r'href="#([^"]+)"')
_BLOCKS = re.compile(
    r"<(p|li|tr|pre|h[1-4]|svg|img)\b(.*?)(?=<(?:p|li|tr|pre|h[1-4]|svg|img)\b|$)", re.DOTALL
)
_ROW = {"p": (105, 26, 16), "li": (100, 26, 4), "tr": (85, 25, 14), "pre": (100, 22, 44)}
_FIXED = {"svg": 620, "img": 620}
_OF_HEADING = 80


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A section on a page of its own: `place` is its part of the address, `places` every id within."""

    place: str
    title: str
    html: str
    places: frozenset[str]


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """What stands before the first section, and the sections."""

    opening: str
    sections: tuple[Section, ...]

    def holder(self, place: str) -> Section | None:
        """The section that an old `#place` is in now."""
        return next((each for each in self.sections if place in each.places), None)

    def section(self, place: str) -> Section | None:
        return next((each for each in self.sections if each.place == place), None)


def height(html: str) -> int:
    """About how many pixels high it is on a wide screen."""
    total = 0
    for kind, rest in _BLOCKS.findall(html):
        if kind in _FIXED:
            total += _FIXED[kind]
        elif kind in _ROW:
            letters, line, around = _ROW[kind]
            text = unescape(_TAG.sub("", rest.partition(">")[2]))
            parts = text.splitlines() if kind == "pre" else [text]
            total += around + line * sum(max(1, math.ceil(len(each) / letters)) for each in parts)
        else:
            total += _OF_HEADING
    return total


def is_long(html: str) -> bool:
    return height(html) > _MOST_PX


def divided(html: str) -> Text:
    """The text by its second-level headings."""
    opening, *rest = _HEADING.split(html)
    found = []
    for part in rest:
        match = _OF_SECTION.fullmatch(part)
        assert match is not None
        place, title, inside = match.groups()
        places = frozenset((place, *_PLACE.findall(inside)))
        plain = unescape(_TAG.sub("", title))
        found.append(Section(place=place, title=plain, html=inside, places=places))
    return Text(opening=opening, sections=tuple(found))


def listed(text: Text, path: str) -> str:
    """The sections as links. Old addresses, `#place` of the whole text, are places of this list."""
    rows = []
    for each in text.sections:
        inner = "".join(
            f'<span id="{place}" data-moved="{path}/{each.place}#{place}"></span>'
            for place in sorted(each.places - {each.place})
        )
        at = f"{path}/{each.place}"
        rows.append(
            f'<li><a id="{each.place}" data-moved="{at}" href="{at}">{escape(each.title)}</a>{inner}</li>'
        )
    return f'<ul class="parts">{"".join(rows)}</ul>' if rows else ""


def with_links(html: str, section: Section | None, text: Text, path: str) -> str:
    """Links to places of the whole text lead to the pages that these are on now."""

    def led(match: re.Match[str]) -> str:
        holder = text.holder(match[1])
        if holder is None or holder is section:
            return match[0]
        at = "" if match[1] == holder.place else f"#{match[1]}"
        return f'href="{path}/{holder.place}{at}"'

    return _LINK.sub(led, html)
