"""What is around every page of the documentation, and the policy that says what it may do."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from html import escape
from importlib import resources

from orderhub.web.docs.readers import ALSO, READERS
from orderhub.web.docs.style import STYLE


@cache
def script() -> str:
    """Copy buttons and calls that are tried: everything else works without."""
    return (resources.files(__package__) / "page.js").read_text("utf-8")


@cache
def policy() -> str:
    """No script but this one, nothing from elsewhere, and in nobody's frame."""
    digest = b64encode(sha256(script().encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def page(title: str, body: str, aside: str = "", query: str = "", *, is_dense: bool = False) -> str:
    """A whole page. On a small screen `aside` is shown on demand only, by its link in the header."""
    navigation = f'<nav id="contents" aria-label="On this page">{aside}</nav>' if aside else ""
    contents = '<a class="contents" href="#contents">Contents</a>' if aside else ""
    kind = ' class="dense"' if is_dense else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · OrderHub</title><style>{STYLE}</style></head><body>"
        '<a class="skip" href="#main">Skip to the content</a>'
        f'<header><a href="/docs">OrderHub</a>{contents}<form action="/docs/search" role="search">'
        '<input type="search" name="q" required aria-label="Search the documentation" '
        f'placeholder="Search" value="{escape(query)}"></form></header>{_readers()}'
        f'<div class="columns">{navigation}<main id="main"{kind}>{body}</main></div>'
        f"<script>{script()}</script></body></html>"
    )


@cache
def _readers() -> str:
    links = [(each.title, f"/docs/{each.page}") for each in READERS[:-1]]
    shown = "".join(f'<a href="{link}">{escape(title)}</a>' for title, link in (*links, *ALSO))
    return f'<nav class="readers" aria-label="By reader">{shown}</nav>'
