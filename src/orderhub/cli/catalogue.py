"""orderhub catalogue list, show, put: one item at a time. Files come in by `importing`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from orderhub.cli.importing import DryRun, Tenant, import_catalogue
from orderhub.cli.tokens import Database, Token, Url

app = typer.Typer(help="What is sold and on which terms.", no_args_is_help=True)
app.command("import")(import_catalogue)

Kind = Annotated[str, typer.Argument(help="A kind of the catalogue, such as products.")]
Item = Annotated[str, typer.Argument(help="Its id, or its code (SKU).")]
_SHOWN = ("code", "title", "name", "price", "currency", "product_id", "status")


@app.command("list")
def list_(
    kind: Kind = "products",
    tenant: Tenant = None,
    database: Database = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """The items of a kind, by id."""
    from orderhub.cli.session import items_of, one_sentence, own_tenant, path_of, reached
    from orderhub.cli.terminal import is_for_people, show

    with one_sentence(), reached(database=database, url=url, token=token) as send:
        path = path_of("tenants", own_tenant(send, tenant), "catalogue", kind)
        found, _ = items_of(send, path, {}, typed={"kind": "KIND"})
    if not is_for_people():
        show(found)
        return
    rows = [{"id": each["id"], **each["doc"], "code": each["code"]} for each in found]
    told = [name for name in _SHOWN if any(row.get(name) not in (None, "") for row in rows)]
    show(rows, ("id", *told))


@app.command()
def show(
    kind: Kind,
    item: Item,
    tenant: Tenant = None,
    database: Database = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """One item, whole."""
    from orderhub.cli.session import one_sentence, own_tenant, reached

    with one_sentence(), reached(database=database, url=url, token=token) as send:
        found = _item(send, own_tenant(send, tenant), kind, item)
    _show_item(found)


@app.command()
def put(
    kind: Kind,
    item: Item,
    members: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="member=value, such as price=12.50, data.image=…, or stock=5 to open its count; repeat for more.",
        ),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(
            help="JSON of the whole item, as `show --json` prints it; - = standard input."
        ),
    ] = None,
    dry_run: DryRun = False,
    tenant: Tenant = None,
    database: Database = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Change what --set says of an item, or write it whole from a file; one that is not there is made."""
    from orderhub.cli import terminal
    from orderhub.cli.importing import write_one
    from orderhub.cli.session import one_sentence, own_tenant, reached, texts

    if (members is None) is (file is None):
        raise typer.BadParameter("either --set or --file says what is written")
    named: dict[str, Any] = {"id": int(item)} if item.isdecimal() else {"code": item}
    with one_sentence():
        values = texts("--set", members) if file is None else _read(file)
        # A cell of a CSV file is a text.
        names = {n: str(v) for n, v in named.items()} if file is None else named
        with reached(database=database, url=url, token=token) as send:
            whose = own_tenant(send, tenant)
            told = write_one(
                send,
                whose,
                kind,
                {**(values or {}), **names},
                is_whole=file is not None,
                is_dry_run=dry_run,
            )
            found = told if dry_run else _item(send, whose, kind, item)
    if dry_run:
        terminal.show(found)
    else:
        _show_item(found)


def _read(file: str) -> dict[str, Any]:
    """Raises CommandRefused for what is no JSON object."""
    import msgspec

    from orderhub.cli.session import CommandRefused

    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        found = msgspec.json.decode(data)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise CommandRefused(f"{file} cannot be read: {why}.") from None
    except msgspec.DecodeError as error:
        raise CommandRefused(f"{file} holds no JSON: {error}.") from None
    if not isinstance(found, dict):
        raise CommandRefused(f"{file} holds no JSON object.")
    # What `show` prints besides is the hub's own to say.
    return {name: each for name, each in found.items() if name in ("code", "uid", "doc")}


def _item(send: Any, tenant: str, kind: str, item: str) -> Any:
    """By id or code. Raises CommandRefused where there is none."""
    from orderhub.cli.session import CommandRefused, answer_of, path_of

    path = path_of("tenants", tenant, "catalogue", kind)
    typed = {"kind": "KIND", "id": "ITEM", "code": "ITEM"}
    if item.isdecimal():
        return answer_of(send("GET", f"{path}/{item}"), typed)
    found = answer_of(send("GET", path, params={"code": item, "limit": "2"}), typed)["items"]
    if len(found) != 1:
        many = "No item" if not found else "More than one item"
        raise CommandRefused(f"{many} of {kind} has the code {item}.")
    return found[0]


def _show_item(item: dict[str, Any]) -> None:
    from orderhub.cli import terminal

    if not terminal.is_for_people():
        terminal.show_json(item)
        return
    besides = {name: each for name, each in item.items() if name != "doc"}
    terminal.show({**item["doc"], **besides})
