"""The pages under /docs: complete, linked, well formed, and sufficient unto themselves."""

import re
import shlex
from base64 import b64encode
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode

import pytest

from orderhub.dialects.finding import find_dialects
from orderhub.web.docs import frame, pages, reference, sections
from orderhub.web.docs.guides import guides, rendered
from orderhub.web.docs.readers import READERS, shelves
from orderhub.web.hub_api.docs import document_of
from tests.support.calls import Caller, calling
from tests.support.dialects import HUB
from tests.support.hub import seed_demo

NAMES = [each.name for each in (*find_dialects(), HUB)]
DOCS = Path(__file__).resolve().parents[2] / "docs"
DIALECTS = {each.name: each for each in (*find_dialects(), HUB)}
GUIDES = [each.relative_to(DOCS).with_suffix("").as_posix() for each in DOCS.rglob("*.md")]
VOID = {"meta", "link", "br", "hr", "img", "input"}
# Of each API the operation that the documents begin with.
FIRST = {
    "tours4fun": "post_v2_order_add",
    "anqicms": "post_api_order_create",
    "mews": "post_api_connector_v1_orders_add",
    "kakaclo": "post_openapi_v1_order_order",
    "sitecore_cdp": "post_v2_1_orders",
    "hub": "get_hub_v1_orders",
}


def operations(name: str) -> list[str]:
    """The ids of an API's operations that have a page."""
    told = document_of(DIALECTS[name])[0]
    return [each["operationId"] for _, each in reference.operations_of(told)]


def parts(name: str) -> list[str]:
    """The addresses of the sections that stand on pages of their own."""
    text = pages.parts(name) if name in guides() else pages.about(name)
    return [f"{name}/{each.place}" for each in text.sections] if text else []


class Page(HTMLParser):
    """What a page says about itself; fails on what is not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.moved: dict[str, str] = {}
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
        if "data-moved" in given:
            self.moved[given["id"]] = given["data-moved"]
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        loads = [given[name] for name in ("src", "data") if name in given]
        self.loads += [each for each in loads if not each.startswith("data:")]  # stands within

    def handle_endtag(self, tag):
        assert tag in VOID or self.open.pop() == tag


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('docs') / 'hub.sqlite'}"
    seed_demo(url)
    with calling(url) as caller:
        yield caller


def text_of(hub: Caller, path: str) -> str:
    reply = hub.send("GET", path)
    assert reply.status == 200, path
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.headers["content-security-policy"] == frame.policy()
    return reply.body.decode()


OF_NAVIGATION = ["", "reference", "decisions"]
WHOLE = [*OF_NAVIGATION, *NAMES, *GUIDES]


def assert_sound(text: str) -> Page:
    """Well formed, and nothing of it is from elsewhere; its one script is the one that the policy names."""
    page = Page(text)
    assert text.startswith('<!doctype html><html lang="en">')
    assert {"title", "main", "h1"} <= page.tags
    assert not page.tags & {"iframe", "object"}
    assert text.count("<script") == 1
    assert f"<script>{frame.script()}</script></body></html>" in text
    assert not page.loads
    assert not re.search(r" on\w+=\"", text)
    assert "url(" not in text
    assert len(page.ids) == len(set(page.ids))
    return page


@pytest.mark.parametrize("path", WHOLE)
def test_a_page_and_its_parts_are_well_formed_and_load_nothing(hub, path):
    for each in (path, *parts(path)):
        assert_sound(text_of(hub, f"/docs/{each}".rstrip("/")))


@pytest.mark.parametrize("name", NAMES)
def test_every_operation_has_a_page_that_is_well_formed(hub, name):
    index = Page(text_of(hub, f"/docs/{name}"))
    for each in operations(name):
        assert f"/docs/{name}/{each}" in index.links
        assert_sound(text_of(hub, f"/docs/{name}/{each}"))


@pytest.fixture(scope="module")
def known() -> dict[str, Page]:
    """Pages that were read, of one hub: most lead to the same ones."""
    return {}


def assert_links_lead_somewhere(hub: Caller, here: str, known: dict[str, Page]) -> None:
    if here not in known:
        known[here] = Page(text_of(hub, here))
    page = known[here]
    for link in {*page.links, *page.moved.values()}:
        target, _, place = link.partition("#")
        if re.match("https?://", target):
            continue
        target = target or here
        if target not in known and target.startswith("/docs") and not target.endswith(".json"):
            known[target] = Page(text_of(hub, target))
        if target not in known:
            assert hub.send("GET", target).status in (200, 401), f"{here}: {link}"
            continue
        assert not place or place in known[target].ids, f"{here}: {link}"


@pytest.mark.parametrize("path", WHOLE)
def test_all_links_lead_somewhere(hub, known, path):
    for each in (path, *parts(path)):
        assert_links_lead_somewhere(hub, f"/docs/{each}".rstrip("/"), known)


@pytest.mark.parametrize("name", NAMES)
def test_the_links_of_operations_and_shapes_lead_somewhere(hub, known, name):
    shapes = document_of(DIALECTS[name])[0]["components"]["schemas"]
    for each in (*operations(name), *(f"shapes/{shape}" for shape in shapes)):
        assert_links_lead_somewhere(hub, f"/docs/{name}/{each}", known)


def test_every_guide_is_on_a_shelf_for_somebody_and_one_link_away(hub):
    links = set(Page(text_of(hub, "/docs")).links)
    assert {f"/docs/{name}" for name in GUIDES if "/" not in name} <= links
    assert {f"/docs/{name}" for name in NAMES} | {f"/docs/{name}.json" for name in NAMES} <= links
    decisions = set(Page(text_of(hub, "/docs/decisions")).links)
    assert {f"/docs/{name}" for name in GUIDES if "/" in name} <= decisions
    listed = {name for reader in READERS for name in reader.guides}
    assert not {name for name in GUIDES if "/" not in name} - listed, "for whom are these?"
    assert sorted(name for _, names in shelves(GUIDES) for name in names) == sorted(
        name for name in GUIDES if "/" not in name
    )


def test_every_page_leads_to_the_page_of_each_reader(hub):
    for path in ("/docs/kakaclo", "/docs/desk", "/docs/search?q=order"):
        links = set(Page(text_of(hub, path)).links)
        own = {f"/docs/{each.page}" for each in READERS[:-1]}
        assert own | {"/docs/reference", "/docs/glossary", "/docs/decisions"} <= links


@pytest.mark.parametrize(
    ("query", "first", "link"),
    [
        ("key_reused", "key_reused", "/docs/problems#key_reused"),
        ("/hub/v1/tenants/{tenant}/clock POST", "Move a test clock", "/docs/hub/post_hub"),
        ("conformance KIT", "Does my server speak it: the conformance kit", "/docs/integrators/"),
        ("single_pairup", "Room", "/docs/tours4fun/shapes/Room"),
        ("orders add charge", "Charge products and items to an account", "/docs/mews/"),
        ("backup", "Backup, restore, and the other database", "/docs/backup"),
        ("csv", "Lists as files", "/docs/hub-api/lists-as-files"),
        ("webhook", "Webhooks", "/docs/webhooks"),
        ("webhooks", "Webhooks", "/docs/webhooks"),
        ("docker", "As a container", "/docs/install#as-a-container"),
        ("oversold", "Start here", "/docs/start"),
        ("refund_v2", "Refund an order or some of its items (V2)", "/docs/kakaclo/post_openapi_v2"),
        ("install", "Install and run", "/docs/install"),
    ],
)
def test_a_search_finds_operations_and_sections_and_leads_to_them(hub, query, first, link):
    page = text_of(hub, f"/docs/search?{urlencode({'q': query})}")
    hits = Page(page.partition('<ul class="hits">')[2].partition("</ul>")[0]).links
    assert hits[0].startswith(link), hits[:5]
    assert f">{first}</a>" in page
    for hit in hits:
        target, _, place = hit.partition("#")
        assert not place or place in Page(text_of(hub, target)).ids, hit


def test_a_search_that_no_text_answers_whole_shows_what_answers_most_of_it(hub):
    assert "/docs/install" in text_of(hub, "/docs/search?q=docker+zeppelin")


def test_a_search_shows_what_was_asked_as_text(hub):
    for query in ("<script>", "\"'", "", " ", "nothing of the kind", "é" * 10_000):
        page = text_of(hub, f"/docs/search?{urlencode({'q': query})}")
        assert page.count("<script") == 1
    assert "Nothing for <q>&lt;qqzz&gt;</q>" in text_of(hub, "/docs/search?q=%3Cqqzz%3E")


def test_long_texts_are_a_page_for_each_section_with_the_others_beside_it(hub):
    for name in ("integrators", "hub-api", "catalogue", "kakaclo"):
        there = parts(name)
        assert len(there) > 5
        for each in there:
            links = Page(text_of(hub, f"/docs/{each}")).links
            assert {f"/docs/{other}" for other in there} <= set(links)


def test_no_page_is_guessed_to_be_too_high(hub):
    """What a browser measures is in tests/browser; this sees a new long section without one."""
    for name in GUIDES:
        for each in parts(name) or [name]:
            if name != "problems":  # in two columns
                main = text_of(hub, f"/docs/{each}").partition("<main")[2]
                assert sections.height(main) < 5_500, each


def test_old_places_lead_to_the_pages_that_they_are_now(hub):
    for name in NAMES:
        page, told = Page(text_of(hub, f"/docs/{name}")), document_of(DIALECTS[name])[0]
        every = [
            each["operationId"] for methods in told["paths"].values() for each in methods.values()
        ]
        assert set(every) <= set(page.moved)
        assert {f"shape-{each}" for each in told["components"]["schemas"]} <= set(page.moved)
        for each in set(every) - set(operations(name)):
            reply = hub.send("GET", f"/docs/{name}/{each}")
            assert (reply.status, reply.headers["location"]) == (301, page.moved[each])
    assert Page(text_of(hub, "/docs/catalogue")).moved["products"] == "/docs/catalogue/products"


def words_of(hub: Caller, path: str) -> list[str]:
    """The command that an operation's page shows."""
    text = text_of(hub, path)
    return shlex.split(
        unescape(text.partition('<pre class="command" tabindex="0">')[2].partition("</pre>")[0])
    )


@pytest.mark.parametrize("name", FIRST)
def test_an_operation_begins_with_a_command_that_works_here(hub, name):
    """The hub of these tests is a demo: the command has its address and a token of its own."""
    words = words_of(hub, f"/docs/{name}/{FIRST[name]}")
    url = next(each for each in words if each.startswith("http"))
    assert url.startswith("http://hub.test/")
    headers = dict(words[at + 1].split(": ") for at, each in enumerate(words) if each == "-H")
    assert headers["Authorization"].startswith("Bearer hub-demo-")
    body = words[words.index("-d") + 1] if "-d" in words else ""
    method = words[words.index("-X") + 1] if "-X" in words else "GET"
    reply = hub.send(
        method, url.removeprefix("http://hub.test"), headers=headers, body=body.encode()
    )
    assert reply.status in (200, 201), reply.body
    said = reply.json()
    assert said.get("code", 0) in (0, 10000), said


@pytest.mark.parametrize("name", NAMES)
def test_what_stands_first_of_an_operation_is_its_example(hub, name):
    text = text_of(hub, f"/docs/{name}/{FIRST[name]}")
    places = re.findall(r'<h2 id="([^"]+)"', text)
    assert places[:2] == ["example", "try-it"]
    assert '<pre class="shown"' in text.partition('id="try-it"')[0]


def test_a_hub_that_is_no_demo_shows_no_token(tmp_path):
    with calling(f"sqlite:///{tmp_path / 'hub.sqlite'}") as caller:
        text = text_of(caller, "/docs/kakaclo/post_openapi_v1_order_order")
        assert "Bearer $TOKEN" in text
        assert "hub-demo" not in text


def test_a_call_that_changes_something_is_tried_dry_unless_it_is_asked_for(hub):
    text = text_of(hub, "/docs/kakaclo/post_openapi_v1_order_order")
    assert '<input type="checkbox" name="dry" checked>' in text
    assert 'name="dry"' not in text_of(hub, "/docs/hub/get_hub_v1_orders")
    assert '<a href="/health">Open it</a>' in text_of(hub, "/docs/hub/get_health")
    # Without the script there is no button that does nothing.
    assert '<form class="try" hidden ' in text


def test_a_command_has_the_parameters_of_an_example(hub):
    urls = [
        next(word for word in words_of(hub, f"/docs/kakaclo/{each}") if word.startswith("http"))
        for each in operations("kakaclo")
    ]
    assert "http://hub.test/openapi/v2/order/orders?ids=1000000371651" in urls
    assert "http://hub.test/openapi/v1/order/order/1000000371651/refund" in urls
    # curl would take braces for a list of its own.
    assert not [each for each in urls if "{" in each]


def test_what_a_call_takes_stands_where_it_is_described(hub):
    operation = text_of(hub, "/docs/tours4fun/post_v2_order_add")
    assert "<code>departure_date</code><b> required</b>" in operation
    told = [text_of(hub, f"/docs/mews/{each}") for each in operations("mews")]
    assert any("or null</span>" in each for each in told)


def test_desk_and_docs_have_few_lines_of_script():
    ours = [*Path(frame.__file__).parents[1].rglob("*.js")]
    assert 0 < sum(len(each.read_text().splitlines()) for each in ours) <= 300


@pytest.mark.parametrize("name", NAMES)
def test_no_heading_has_nothing_below_it(hub, name):
    for each in (name, *(f"{name}/{one}" for one in operations(name))):
        assert not re.search(r"</h2>(?=<h[12]|</main>|</article>)", text_of(hub, f"/docs/{each}"))


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


@pytest.mark.parametrize("name", ["nothing", "..", "%2e%2e%2fpyproject", "a%00b"])
def test_what_is_no_page_is_not_there(hub, name):
    whole = (f"/docs/{name}", f"/docs/{name}.json", f"/docs/decisions/{name}")
    behind = (f"/docs/kakaclo/{name}", f"/docs/catalogue/{name}", f"/docs/hub/shapes/{name}")
    for path in (*whole, *behind, f"/docs/{name}/shapes/Room"):
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
    page = "".join(text_of(hub, f"/docs/{each}") for each in ("desk", *parts("desk")))
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
