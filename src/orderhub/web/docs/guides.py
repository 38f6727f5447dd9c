"""The Markdown documents as HTML: the guides of the project, and the README of every dialect."""

from __future__ import annotations

import re
from base64 import b64encode
from collections import Counter
from functools import cache
from html import unescape
from importlib import resources
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

import orderhub

_PACKAGE = Path(orderhub.__file__).parent
# A wheel carries the guides with it; a checkout has them beside `src`.
_FOLDERS = (_PACKAGE / "guides", _PACKAGE.parents[1] / "docs")
_NAME = re.compile(r"(?:decisions/)?[\w-]+")
_README = re.compile(r"(?:.*/)?(\w+)/README\.md")
_GUIDE = re.compile(r"(?:\.\./|docs/)*((?:decisions/)?[\w-]+)\.md")
_PICTURE = re.compile(r"[\w-]+\.(svg|webp)")
_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)
_HEADING = re.compile(r'<h2 id="([^"]+)">(.*?)</h2>')
_TAG = re.compile("<[^>]*>")
_NOT_WORD = re.compile(r"[^\w-]+")


def _folder() -> Path | None:
    return next((each for each in _FOLDERS if each.is_dir()), None)


@cache
def guides() -> dict[str, str]:
    """Name (`settings`, `decisions/0001-…`) -> title of every guide there is."""
    folder = _folder()
    if folder is None:
        return {}
    files = [*sorted(folder.glob("*.md")), *sorted(folder.glob("decisions/*.md"))]
    return {
        each.relative_to(folder).with_suffix("").as_posix(): _title(each.read_text("utf-8"))
        for each in files
    }


def _title(text: str) -> str:
    return text.partition("\n")[0].lstrip("# ").strip()


def guide(name: str) -> str | None:
    """A guide as HTML; None when there is none of that name."""
    folder = _folder()
    if folder is None or not _NAME.fullmatch(name) or name not in guides():
        return None
    return rendered((folder / f"{name}.md").read_text("utf-8"), name)


def readme(dialect: str) -> str:
    """The README of a dialect as HTML; the hub's own is its guide."""
    if dialect == "hub":
        return guide("hub-api") or ""
    file = resources.files(f"orderhub.dialects.{dialect}") / "README.md"
    return rendered(file.read_text("utf-8")) if file.is_file() else ""


def rendered(text: str, name: str = "") -> str:
    """Markdown as HTML. No HTML of its own is let through, and headings can be linked to."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(_COMMENT.sub("", text))
    seen: Counter[str] = Counter()
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            slug = _slug(tokens[index + 1].content)
            seen[slug] += 1
            token.attrSet("id", slug if seen[slug] == 1 else f"{slug}-{seen[slug]}")
        for child in token.children or ():
            if child.type == "link_open":
                _relink(child, name)
            elif child.type == "image":
                _draw(child)
    html: Any = markdown.renderer.render(tokens, markdown.options, {})
    return str(html)


def _draw(image: Token) -> None:
    """A picture of the guides stands in the page itself: what it shows, and how, is the project's own."""
    folder, source = _folder(), str(image.attrs.get("src", ""))
    if folder is None or not _PICTURE.fullmatch(source) or not (folder / source).is_file():
        return
    if source.endswith(".svg"):
        image.type, image.tag = "html_inline", ""
        image.content = (folder / source).read_text("utf-8")
    else:
        drawn = b64encode((folder / source).read_bytes()).decode()
        image.attrSet("src", f"data:image/webp;base64,{drawn}")


def headings(html: str) -> list[tuple[str, str]]:
    """(id, words) of the second-level headings of a rendered text."""
    return [(place, unescape(_TAG.sub("", text))) for place, text in _HEADING.findall(html)]


def _slug(heading: str) -> str:
    return _NOT_WORD.sub("-", heading.strip().strip("`").lower()).strip("-")


def _relink(link: Token, name: str) -> None:
    """Links between documents lead to their pages; what has no page keeps its words."""
    target, hash_mark, place = str(link.attrs.get("href", "")).partition("#")
    if "://" in target or not target:
        return
    readme_of, of_guide = _README.fullmatch(target), _GUIDE.fullmatch(target)
    if readme_of:
        found = f"/docs/{readme_of[1]}"
    else:
        inside = name.startswith("decisions/") and "/" not in target
        guide_name = f"{'decisions/' if inside else ''}{of_guide[1]}" if of_guide else ""
        found = f"/docs/{guide_name}" if guide_name in guides() else "/docs"
    link.attrSet("href", f"{found}{hash_mark}{place}")
