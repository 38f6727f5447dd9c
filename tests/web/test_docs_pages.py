"""The pages under /docs: complete, linked, well formed, and sufficient unto themselves."""

import json
import re
import shlex
from base64 import b64encode
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode

import pytest

from orderhub.dialects.finding import find_dialects
from orderhub.web.docs.guides import rendered
from tests.support.calls import Caller, calling
from tests.support.dialects import HUB

NAMES = [each.name for each in (*find_dialects(), HUB)]
DOCS = Path(__file__).resolve().parents[2] / "docs"
GUIDES = [each.relative_to(DOCS).with_suffix("").as_posix() for each in DOCS.rglob("*.md")]
VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """What a page says about itself; fails on what is not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.loads: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        loads = [given[name] for name in ("src", "data") if name in given]
        self.loads += [each for each in loads if not each.startswith("data:")]  # stands within

    def handle_endtag(self, tag):
        assert tag in VOID or self.open.pop() == tag


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with calling(f"sqlite:///{tmp_path_factory.mktemp('docs') / 'hub.sqlite'}") as caller:
        yield caller


def text_of(hub: Caller, path: str) -> str:
    reply = hub.send("GET", path)
    assert reply.status == 200, path
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    return reply.body.decode()


@pytest.mark.parametrize("path", ["", *NAMES, *GUIDES])
def test_a_page_is_well_formed_and_loads_nothing(hub, path):
    text = text_of(hub, f"/docs/{path}".rstrip("/"))
    page = Page(text)
    assert text.startswith('<!doctype html><html lang="en">')
    assert {"title", "main", "h1"} <= page.tags
    assert not page.tags & {"script", "iframe", "object"}
    assert not page.loads
    assert "url(" not in text
    assert len(page.ids) == len(set(page.ids))


@pytest.mark.parametrize("path", ["", *NAMES])
def test_all_links_lead_somewhere(hub, path):
    pages: dict[str, Page] = {}
    here = f"/docs/{path}".rstrip("/")
    pages[here] = Page(text_of(hub, here))
    for link in set(pages[here].links):
        target, _, place = link.partition("#")
        if re.match("https?://", target):
            continue
        target = target or here
        if target.endswith(".json"):
            assert hub.send("GET", target).status == 200
            continue
        if target not in pages:
            pages[target] = Page(text_of(hub, target))
        assert not place or place in pages[target].ids, link


def test_the_index_names_every_dialect_and_guide(hub):
    links = Page(text_of(hub, "/docs")).links
    assert {f"/docs/{name}" for name in (*NAMES, *GUIDES)} <= set(links)
    assert {f"/docs/{name}.json" for name in NAMES} <= set(links)


@pytest.mark.parametrize(
    ("query", "first", "link"),
    [
        ("key_reused", "key_reused", "/docs/problems#key_reused"),
        ("/hub/v1/tenants/{tenant}/clock POST", "Move a test clock", "/docs/hub#post_hub"),
        ("conformance KIT", "Does my server speak it: the conformance kit", "/docs/integrators#"),
        ("single_pairup", "Room", "/docs/tours4fun#shape-Room"),
        ("orders add charge", "Charge products and items to an account", "/docs/mews#"),
    ],
)
def test_a_search_finds_operations_and_sections_and_leads_to_them(hub, query, first, link):
    page = text_of(hub, f"/docs/search?{urlencode({'q': query})}")
    hits = [each for each in Page(page).links if each.startswith("/docs/")]
    assert hits[0].startswith(link)
    assert f">{first}</a>" in page
    for hit in hits:
        target, _, place = hit.partition("#")
        assert not place or place in Page(text_of(hub, target)).ids, hit


def test_a_search_shows_what_was_asked_as_text(hub):
    for query in ("<script>", "\"'", "", " ", "nothing of the kind", "é" * 10_000):
        page = text_of(hub, f"/docs/search?{urlencode({'q': query})}")
        assert "<script" not in page
    assert "Nothing for <q>&lt;script&gt;</q>" in text_of(hub, "/docs/search?q=%3Cscript%3E")


def test_long_pages_have_their_headings_beside_them(hub):
    for path in ("/docs/integrators", "/docs/hub", "/docs/kakaclo"):
        text = text_of(hub, path)
        nav = text.partition("<nav")[2].partition("</nav>")[0]
        places = Page(text_of(hub, path)).ids
        assert len(re.findall('href="#', nav)) > 5
        assert all(place in places for place in re.findall('href="#([^"]+)"', nav))


def test_every_operation_is_shown_as_a_command(hub):
    text = text_of(hub, "/docs/kakaclo")
    assert text.count("<summary>As a command</summary>") == text.count('class="operation"')
    command = unescape(text.partition("As a command</summary><pre>")[2].partition("</pre>")[0])
    words = shlex.split(command)
    assert words[:4] == ["curl", "-X", "POST", "http://127.0.0.1:8080/openapi/v1/order/order"]
    assert json.loads(words[words.index("-d") + 1])["orderItemsList"]


def test_a_command_has_the_parameters_of_an_example(hub):
    text = text_of(hub, "/docs/kakaclo")
    commands = [unescape(each) for each in re.findall("<pre>(curl [^<]*)</pre>", text)]
    urls = [next(w for w in shlex.split(each) if w.startswith("http")) for each in commands]
    assert "http://127.0.0.1:8080/openapi/v2/order/orders?ids=1000000371651" in urls
    assert "http://127.0.0.1:8080/openapi/v1/order/order/1000000371651/refund" in urls
    # curl would take braces for a list of its own.
    assert not [each for each in urls if "{" in each]


def test_what_a_call_takes_stands_where_it_is_described(hub):
    text = text_of(hub, "/docs/tours4fun").partition('id="post_v2_order_add"')[2]
    operation = text.partition("</section>")[0]
    assert "<code>departure_date</code><b> required</b>" in operation
    assert "or null</span>" in text_of(hub, "/docs/mews")


@pytest.mark.parametrize("name", NAMES)
def test_no_heading_has_nothing_below_it(hub, name):
    text = text_of(hub, f"/docs/{name}")
    assert not re.search(r"</h2>(?=<h[12]|</main>)", text)


def test_on_a_small_screen_the_contents_are_one_link_away(hub):
    page = Page(text_of(hub, "/docs/mews"))
    assert "#contents" in page.links
    assert "contents" in page.ids
    assert "#contents" not in Page(text_of(hub, "/docs")).links


def test_what_was_searched_for_stays_in_the_field(hub):
    assert 'value="a &quot;b&quot;"' in text_of(hub, "/docs/search?q=a+%22b%22")


def test_what_problems_refer_to_is_there(hub):
    reply = hub.send("GET", "/hub/v1/orders")
    target, _, place = reply.json()["type"].partition("#")
    assert place in Page(text_of(hub, target)).ids


@pytest.mark.parametrize("name", ["nothing", "decisions", "..", "%2e%2e%2fpyproject", "a%00b"])
def test_what_is_no_page_is_not_there(hub, name):
    for path in (f"/docs/{name}", f"/docs/{name}.json", f"/docs/decisions/{name}"):
        assert hub.send("GET", path).status in (400, 404)


def test_markdown_lets_no_html_through():
    assert "<script" not in rendered("# x\n\n<script>alert(1)</script> [a](javascript:alert(1))")
    assert 'href="javascript' not in rendered("[a](javascript:alert(1))")


def test_a_picture_of_a_guide_stands_in_its_page(hub: Caller) -> None:
    page = text_of(hub, "/docs/architecture")
    assert (DOCS / "architecture.svg").read_text() in page
    assert "<img" not in page
    assert "/docs/architecture" not in text_of(hub, "/docs/search?q=stroke-width")


def test_the_desks_pictures_stand_in_its_guide_and_are_small(hub: Caller) -> None:
    pictures = sorted(DOCS.glob("*.webp"))
    assert sum(each.stat().st_size for each in pictures) < 600_000
    page = text_of(hub, "/docs/desk")
    for each in pictures:
        assert b64encode(each.read_bytes()).decode() in page, each.name
    assert page.count('<img src="data:image/webp;base64,') == len(pictures) == 6
    assert 'alt=""' not in page
    assert "docs/desk-orders.webp" in (DOCS.parent / "README.md").read_text()


def test_a_picture_that_is_not_the_guides_own_is_not_drawn() -> None:
    for source in ("../src/x.svg", "https://example.org/x.svg", "missing.svg", "settings.md"):
        assert "<svg" not in rendered(f"![a picture]({source})")


def test_a_comment_of_a_document_is_not_shown() -> None:
    html = rendered("<!-- members: wire.X -->\n| a |\n|---|\n| 1 |\n<!-- end -->\n\nprose\n")
    assert "members" not in html
    assert "<td>1</td>" in html
    assert "end" not in html.partition("</table>")[2]
