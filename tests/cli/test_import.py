"""orderhub catalogue import and pool import: files as people have them, into a database and into a hub that serves."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orderhub.cli.commands import app
from tests.support.calls import copied
from tests.support.hub_process import serving

HATS = """code,title,price,weight_g,stock,place,data.image,active
HAT,"Hat, straw",9.50,120,12,EU01,hat.jpg,TRUE
SCARF,"A
scarf",19.90,,5,,,
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With two warehouses, of which the first is the usual one."""
    file = tmp_path_factory.mktemp("import") / "hub.sqlite"
    words = ("init", "--yes", "--no-samples", "--doors", "kakaclo", "--warehouses", "EU01,US01")
    assert CliRunner().invoke(app, [*words, "--database", f"sqlite:///{file}"]).exit_code == 0
    return file


@pytest.fixture
def url(shop: Path, tmp_path: Path) -> str:
    return copied(shop, tmp_path)


class Files:
    """Imports of files with these contents: (exit status, what is counted, what is said of rows)."""

    def __init__(self, folder: Path, *where: str) -> None:
        self.folder, self.where = folder, where

    def run(self, what: str, text: str | bytes, *words: str) -> tuple[int, dict, list[str]]:
        file = self.folder / "rows"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        result = CliRunner().invoke(app, [what, "import", str(file), *words, *self.where])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        said = [line.removeprefix(f"{file}:") for line in result.stderr.splitlines()]
        return result.exit_code, json.loads(result.stdout or "{}"), said

    def items(self, text: str | bytes, *words: str) -> tuple[int, dict, list[str]]:
        return self.run("catalogue", text, *words)

    def pools(self, text: str | bytes, *words: str) -> tuple[int, dict, list[str]]:
        return self.run("pool", text, *words)


@pytest.fixture
def files(url: str, tmp_path: Path) -> Files:
    return Files(tmp_path, "--database", url)


def test_a_repeat_changes_nothing(files: Files) -> None:
    done = {"created": 2, "stock": {"opened": 2}}
    assert files.items(HATS, "--dry-run") == (0, {**done, "dry_run": True}, [])
    assert files.items(HATS) == (0, done, [])
    again = (0, {"unchanged": 2, "stock": {"kept": 2}}, [])
    assert files.items(HATS) == again
    # What is counted is sold from: a file of products never sets it back.
    assert files.items(HATS.replace(",12,", ",500,")) == again


def test_a_row_that_cannot_be_sent_is_refused_alone(files: Files) -> None:
    """One beyond the hub's limit would end the request of all; two columns may say one member."""
    titles = {"A": "Hat", "B": "x" * 9_000_000, "C": "Cap"}
    docs = [{"code": code, "doc": {"title": title, "price": "1"}} for code, title in titles.items()]
    status, done, said = files.items("\n".join(map(json.dumps, docs)))
    assert (status, done) == (1, {"created": 2, "refused": 1})
    assert said == ["2: a row of more than 262144 bytes"]
    status, done, said = files.items('code,data,data.image\nA,"{}",x\n')
    assert (status, done) == (1, {"refused": 1})
    assert said == ["2: data.image: data is said whole by another column"]


def test_members_without_a_column_stay_and_an_empty_cell_is_an_absent_member(
    files: Files, url: str, tmp_path: Path
) -> None:
    files.items(HATS)
    assert files.items("sku;price\r\nHAT;10.50\r\n")[:2] == (0, {"updated": 1})
    assert files.items("\ufeffcode\tdata.colour\tweight_g\nHAT\tred\t\n")[:2] == (0, {"updated": 1})
    with serving(url, tmp_path / "log") as hub:
        listed = hub.ask("GET", "/hub/v1/tenants/shop/catalogue/products", TOKENS[url]).json()[
            "items"
        ]
    hat, scarf = listed
    assert hat["doc"]["data"] == {"image": "hat.jpg", "colour": "red"}
    assert (hat["doc"]["title"], hat["doc"]["price"]) == ("Hat, straw", "10.50")
    assert "weight_g" not in hat["doc"]
    assert (hat["id"], hat["version"], scarf["id"], scarf["version"]) == (1, 3, 2, 1)
    assert scarf["doc"]["title"] == "A\nscarf"


TOKENS: dict[str, str] = {}


@pytest.fixture(autouse=True)
def a_token(url: str) -> None:
    words = ["token", "create", "operator", "--scope", "operator", "--database", url]
    TOKENS[url] = json.loads(CliRunner().invoke(app, words).stdout)["token"]


def test_a_refused_row_names_its_line_its_column_and_why(files: Files) -> None:
    rows = """code,title,price,weight_g,stock,place
A,a,-1,1,,
"B
",x,dear,1,,
C,c,1,heavy,,
D,d,1,1,3,NOPE
E,e,1,1,-3,
F,f,1
,nameless,1,1,,
G,fine,1,1,1,US01
"""
    status, counts, said = files.items(rows)
    assert status == 1
    assert counts == {"refused": 7, "created": 1, "stock": {"opened": 1}}
    assert [line.partition(" ")[0] for line in said] == [
        "2:", "3:", "5:", "6:", "7:", "8:", "9:",
    ]  # fmt: skip
    for line, says in zip(
        said,
        (
            "price: is at least 0",
            "price: Invalid decimal",
            "weight_g: Expected `int`",
            "place: no warehouse has the code NOPE",
            "stock: a whole number from 0 on, not -3",
            "3 cells, but 6 columns",
            "id: a new item needs an id, or a code",
        ),
        strict=True,
    ):
        assert says in line


def test_a_row_that_is_refused_counts_nothing_either(files: Files) -> None:
    files.items("code,price,stock\nA,-1,5\n")
    status, _, said = files.pools("code,count\nA,5\n")
    assert status == 1
    assert said == ["2: code: no product or variant has the code A"]


def test_ndjson_rows_are_those_of_the_api(files: Files) -> None:
    rows = (
        '{"id": 70, "code": "HAT", "doc": {"title": "Hat", "price": "3"}, "stock": 4, "place": "US01"}\n'
        "\n"
        '{"code": "NEXT", "doc": {"price": "3", "currency": "XXZ"}}\n'
        "no json\n"
        '{"code": "NEXT", "doc": {"price": "3", "currency": "EUR", "data": {"share": 0.1234567890123456789}}}\n'
        f'{{"id": 72, "doc": {{"data": {"[" * 2_000}\n'
    )
    status, counts, said = files.items(rows)
    assert (status, counts) == (1, {"created": 2, "refused": 3, "stock": {"opened": 1}})
    assert said[2] == "6: no JSON object: nested too deeply"
    assert said[0] == "3: currency: is a currency of ISO 4217, such as EUR"
    assert said[1].startswith("4: no JSON object: ")
    assert files.items('{"id": 71, "delete": true}')[1] == {"removed": 1}
    # The id of what was removed is free; that of what left stock behind is not.
    assert files.items('{"id": 70, "delete": true}')[1] == {"removed": 1}
    assert files.items("code,price\nLATER,1\n")[1] == {"created": 1}


def test_other_kinds_are_imported_too(files: Files) -> None:
    warehouses = "code,name,country\nJP01,Osaka,JP\n"
    assert files.items(warehouses, "--kind", "warehouses")[:2] == (0, {"created": 1})
    assert files.items(warehouses, "--kind", "warehouses")[:2] == (0, {"unchanged": 1})
    assert files.items("code,name\nJP01,Kobe\n", "--kind", "warehouses")[:2] == (0, {"updated": 1})
    files.items("code,title,price\nSHIRT,Shirt,10\n")
    variants = "code,product_id,price,stock\nSHIRT-M,1,12,3\nSHIRT-L,1,13,4\n"
    done = {"created": 2, "stock": {"opened": 2}}
    assert files.items(variants, "--kind", "variants")[:2] == (0, done)
    assert files.items("id,seller_percent\n1,80\n", "--kind", "shops")[:2] == (0, {"created": 1})


def test_pools_are_counted_by_code(files: Files) -> None:
    files.items("code,price\nHAT,1\nSCARF,2\n")
    count = "sku,warehouse,count\nHAT,US01,7\nSCARF,,3\n"
    assert files.pools(count, "--dry-run") == (0, {"opened": 2, "dry_run": True}, [])
    assert files.pools(count) == (0, {"opened": 2}, [])
    assert files.pools(count) == (0, {"unchanged": 2}, [])
    assert files.pools('{"code": "HAT", "place": "US01", "count": 6}')[1] == {"adjusted": 1}
    status, counts, said = files.pools(
        '{"code": "HAT", "by": 3}\n{"code": "HAT", "place": "MOON", "count": 3}\n'
        '{"code": "HAT", "place": "EU01", "count": "many"}\n'
    )
    assert (status, counts) == (1, {"refused": 3})
    assert said[0].startswith("1: by: a repeat would count it again")
    assert said[1] == "2: place: no warehouse has the code MOON"
    assert said[2].startswith("3: count: is a whole number")
    money = "subject,count\nUSD,1000.50\n"
    assert files.pools(money, "--kind", "balance")[:2] == (0, {"opened": 1})


@pytest.mark.parametrize(
    ("what", "text", "says"),
    [
        (
            "catalogue",
            "code,pric\nHAT,1\n",
            "the column pric is no member of products: they are id",
        ),
        ("catalogue", "title,price\nHat,1\n", "a column id or code is needed"),
        ("catalogue", "code,code\nHAT,1\n", "the column code is there twice"),
        ("catalogue", "code,\nHAT,1\n", "a column has no name"),
        ("catalogue", 'code,title\nHAT,"never ends\n', ":2: this is no CSV"),
        ("catalogue", "", "is empty"),
        ("catalogue", b"code,title\nHAT,\xff\n", "is no text in UTF-8"),
        ("pool", "code,place\nHAT,EU01\n", "columns code (or subject) and count are needed"),
        ("pool", "code,count,colour\nHAT,1,red\n", "the column colour is none of kind, subject"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_whole(
    files: Files, what: str, text: str | bytes, says: str
) -> None:
    status, counts, said = files.run(what, text)
    assert (status, counts) == (2, {})
    assert says in said[0]


def test_whose_it_is_has_to_be_said_where_there_are_several(files: Files, url: str) -> None:
    CliRunner().invoke(app, ["tenant", "create", "acme", "--database", url])
    status, _, said = files.items(HATS)
    assert status == 2
    assert "There are several tenants (shop, acme): say which one with --tenant." in said[0]
    assert files.items(HATS, "--tenant", "shop")[1]["created"] == 2
    said = files.items(HATS, "--tenant", "shop", "--kind", "hats")[2]
    assert "--kind is one of products, variants" in said[0]


def test_a_hub_that_serves_is_reached_by_its_url_or_its_database(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = TOKENS[url]
    with serving(url, tmp_path / "log") as hub:
        there = Files(tmp_path, "--url", f"{hub.url}/", "--token", token)
        assert there.items(HATS)[:2] == (0, {"created": 2, "stock": {"opened": 2}})
        here = Files(tmp_path, "--database", url, "--token", token)
        assert here.items(HATS)[1]["unchanged"] == 2
        monkeypatch.setenv("ORDERHUB_URL", hub.url)
        monkeypatch.setenv("ORDERHUB_TOKEN", token)
        assert Files(tmp_path).pools("sku,count\nHAT,3\n") == (0, {"adjusted": 1}, [])
