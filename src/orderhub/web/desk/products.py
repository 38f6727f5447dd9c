"""What is sold: products with their variants, prices and what is left of them; made and changed in forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from orderhub.core.catalogue import Product, Variant
from orderhub.core.facts import Record
from orderhub.core.queries import Bearers, Reads, RecordQuery, RecordSort
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Pool
from orderhub.dialects.contract import Answer, Call, CommandRejected
from orderhub.web.desk.counted import Counted, counted
from orderhub.web.desk.exports import AS_CSV, media_asked, path_to
from orderhub.web.desk.forms import Form, FormRefused
from orderhub.web.desk.item_form import Input, document, inputs, save, zone_here
from orderhub.web.desk.language import N_
from orderhub.web.desk.orders import Pages
from orderhub.web.desk.page import Visitor, form, go, page, show
from orderhub.web.hub_api.catalogue import items_page
from orderhub.web.hub_api.catalogue_bulk import next_ids
from orderhub.web.hub_api.catalogue_kinds import KINDS
from orderhub.web.hub_api.catalogue_rows import Item, columns_of_items, item_shape, table_row
from orderhub.web.hub_api.lists import listed
from orderhub.web.hub_api.shaping import Page

PATH = "/desk/products"
SCOPE = "catalogue"
_PAGE = 50
VARIANTS = 500  # so many of a product are shown at a time
_NONE = Bearers(0, None)
_LONGEST = 200
Names = tuple[tuple[str, str], ...]  # what an item may be meant by, as (by, value)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A product as the list has it; `left` None = its stock is not counted."""

    path: str
    product: Product
    variants: int
    left: int | None
    currency: str


class Products(msgspec.Struct, frozen=True, kw_only=True):
    rows: tuple[Row, ...]
    pages: Pages
    text: str
    csv: str


class VariantRow(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    variant: Variant
    left: int | None


class ItemPage(msgspec.Struct, frozen=True, kw_only=True):
    """A form of an item. `version` 0 = it is new; `crumbs` as (path, title)."""

    title: str
    path: str
    version: int
    inputs: tuple[Input, ...]
    crumbs: tuple[tuple[str, str], ...] = ()
    product: Product | None = None
    variants: tuple[VariantRow, ...] = ()
    pages: Pages = Pages()
    pools: tuple[Counted, ...] = ()
    orders: str = ""


# --- the list


async def products(call: Call, visitor: Visitor, _sent: Form) -> Answer:
    """Newest first, or what bears a code, a UUID or a number."""
    text = call.query.get("q", "").strip()[:_LONGEST]
    names = names_in(text) if text else None
    if media_asked(call):
        return await items_file(call, visitor, "products", names)
    after = number_in(call.query.get("after", ""))
    tenant_id, currency = visitor.at.id, _currency(visitor)

    def look(reads: Reads) -> tuple[tuple[Row, ...], int]:
        found, following = records_page(reads, tenant_id, "product", names, after)
        ids = tuple(str(each.id) for each in found)
        variants = reads.stock_by_key(tenant_id, "variant", "product", ids) if ids else {}
        left = _left(reads, tenant_id, found)
        return tuple(
            _row(each, variants.get(str(each.id), _NONE), left.get(each.doc.subject), currency)
            for each in found
        ), following

    rows, following = await call.hub.read(look)
    context = Products(
        rows=rows,
        pages=pages_of(PATH, {"q": text}, after, following),
        text=text,
        csv=path_to(PATH, {"q": text, **AS_CSV}),
    )
    return show(call, visitor, "products.html", context)


def names_in(text: str) -> Names:
    """What an item may be meant by."""
    number = number_in(text)
    return (("code", text), ("uid", text.lower()), *((("id", str(number)),) if number else ()))


def records_page(
    reads: Reads, tenant_id: int, kind: str, names: Names | None, after: int
) -> tuple[tuple[Record, ...], int]:
    """The last items of a kind by their ids beyond one, and the id that the next page is beyond, 0 = none.

    With names those that bear the first of them that anything bears.
    """
    query = RecordQuery(
        tenant_id=tenant_id, kind=kind, after_id=after, sort=RecordSort.LAST_ID, limit=_PAGE + 1
    )
    if names is not None:
        found: tuple[Record, ...] = ()
        for by, value in names:
            named = msgspec.structs.replace(query, by=by, values=(value,), after_id=0)
            found = found or reads.records(named)
        return found[:_PAGE], 0
    found = reads.records(query)
    return found[:_PAGE], found[_PAGE - 1].id if len(found) > _PAGE else 0


def pages_of(path: str, asked: dict[str, str], after: int, following: int) -> Pages:
    return Pages(
        newest=path_to(path, asked) if after else "",
        older=path_to(path, {**asked, "after": str(following)}) if following else "",
    )


def number_in(text: str) -> int:
    """A number from 1 on; what is none is 0."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0


async def items_file(call: Call, visitor: Visitor, name: str, names: Names | None) -> Answer:
    """All items of a kind, or those of a name, in columns that a file sent back may have."""
    kind, tenant_id = KINDS[name], visitor.at.id

    async def ask(cursor: str, limit: int) -> Page[Item]:
        if names is None:
            return await items_page(call, tenant_id, kind, cursor, limit)
        found, _ = await call.hub.read(
            lambda reads: records_page(reads, tenant_id, kind.record, names, 0)
        )
        return Page(items=tuple(item_shape(kind, each) for each in found), next_cursor=None)

    columns = columns_of_items(kind)
    return await listed(
        call, name, ask, columns, cursor="", limit=_PAGE, row=table_row, media=media_asked(call)
    )


def _row(record: Record, variants: Bearers, own: int | None, currency: str) -> Row:
    product: Product = record.doc
    counts = [each for each in (own, variants.left) if each is not None]
    return Row(
        path=f"{PATH}/{record.id}",
        product=product,
        variants=variants.count,
        left=sum(counts) if counts else None,
        currency=product.currency or currency,
    )


def variants_of(
    reads: Reads, tenant_id: int, product_id: int, after: int = 0
) -> tuple[Record, ...]:
    """The next variants of a product beyond an id: `VARIANTS` of them, and one more where there are more."""
    query = RecordQuery(
        tenant_id=tenant_id,
        kind="variant",
        by="product",
        values=(str(product_id),),
        after_id=after,
        limit=VARIANTS + 1,
    )
    return reads.records(query)


def _left(reads: Reads, tenant_id: int, records: Sequence[Record]) -> dict[str, int]:
    """What is available of each in stock, at all its places."""
    left: dict[str, int] = {}
    for pool in _pools(reads, tenant_id, records):
        left[pool.key.subject] = left.get(pool.key.subject, 0) + pool.available
    return left


def _currency(visitor: Visitor) -> str:
    assert visitor.settings is not None
    return visitor.settings.currency


# --- one item


def unknown(what: str) -> CommandRejected:
    return CommandRejected(Rejected(Reason.RECORD_UNKNOWN, "id", f"no item {what}"))


def one(reads: Reads, visitor: Visitor, kind: str, text: str) -> Record:
    """The item of the tenant. Raises CommandRejected: another's is as unknown as none."""
    number = number_in(text)
    found = reads.record(visitor.at.id, kind, "id", number) if number else None
    if found is None:
        raise unknown(text)
    return found


async def product(call: Call, visitor: Visitor, sent: Form) -> Answer:
    tenant_id, zone = visitor.at.id, zone_here(visitor)
    after = number_in(call.query.get("after", ""))

    def look(reads: Reads) -> ItemPage:
        record = one(reads, visitor, "product", call.params["product"])
        found = variants_of(reads, tenant_id, record.id, after)
        variants = found[:VARIANTS]
        pools = _pools(reads, tenant_id, [record, *variants])
        left = _left(reads, tenant_id, variants)
        items = {(each.kind, each.id): each.doc for each in (record, *variants)}
        path = f"{PATH}/{record.id}"
        return ItemPage(
            title=record.doc.title or record.code or str(record.id),
            path=path,
            version=record.version,
            inputs=inputs("products", record.doc, zone),
            crumbs=((PATH, visitor.say(N_("Products"))),),
            product=record.doc,
            variants=tuple(
                VariantRow(
                    path=f"{path}/variants/{each.id}",
                    variant=each.doc,
                    left=left.get(each.doc.subject),
                )
                for each in variants
            ),
            pages=pages_of(path, {}, after, variants[-1].id if len(found) > VARIANTS else 0),
            pools=tuple(counted(each, items) for each in pools),
            orders=path_to("/desk/orders", {"q": record.code}) if record.code else "",
        )

    return show(call, visitor, "item.html", await call.hub.read(look), sent)


def _pools(reads: Reads, tenant_id: int, records: Sequence[Record]) -> tuple[Pool, ...]:
    """What is counted of them, seats and rooms by day left aside: these have a page of their own."""
    subjects = tuple(each.doc.subject for each in records)
    return reads.pools(tenant_id, "stock", subjects) if subjects else ()


async def change_product(call: Call, visitor: Visitor, sent: Form) -> Answer:
    record = await call.hub.read(
        lambda reads: one(reads, visitor, "product", call.params["product"])
    )
    return await changed(call, visitor, sent, "products", record, f"{PATH}/{record.id}")


async def changed(
    call: Call, visitor: Visitor, sent: Form, name: str, record: Record, path: str
) -> Answer:
    """An item written as the form says, if nobody has written it since the form was drawn."""
    doc = document(name, sent, record, zone_here(visitor))
    version = number_in(sent.first("version"))
    if not version:
        raise FormRefused({"version": N_("This is needed.")})
    done = go(call, path, done=visitor.say(N_("Saved.")))
    return await save(call, visitor, name, record.id, record, doc, version, done)


async def new_product(call: Call, visitor: Visitor, sent: Form) -> Answer:
    shown = ItemPage(
        title=visitor.say(N_("A new product")),
        path=f"{PATH}/new",
        version=0,
        inputs=inputs("products", None, zone_here(visitor)),
        crumbs=((PATH, visitor.say(N_("Products"))),),
    )
    return show(call, visitor, "item.html", shown, sent)


async def make_product(call: Call, visitor: Visitor, sent: Form) -> Answer:
    return await made(call, visitor, sent, "products", PATH)


async def made(
    call: Call, visitor: Visitor, sent: Form, name: str, path: str, **given: Any
) -> Answer:
    """A new item with the next number, shown then at `path`. `given` are members that the form does not say."""
    doc = {**document(name, sent, None, zone_here(visitor)), **given}
    ids = next_ids(call, visitor.at, KINDS[name])
    (number,) = await call.hub.read(lambda reads: ids.find(reads, 1))
    done = go(call, f"{path}/{number}", done=visitor.say(N_("Saved.")))
    return await save(call, visitor, name, number, None, doc, 0, done)


# --- a variant


def _variant_page(product: Record, path: str, variant: Record | None, visitor: Visitor) -> ItemPage:
    title = visitor.say(N_("A new variant"))
    if variant is not None:
        title = variant.doc.title or variant.code or str(variant.id)
    return ItemPage(
        title=title,
        path=path,
        version=0 if variant is None else variant.version,
        inputs=inputs("variants", None if variant is None else variant.doc, zone_here(visitor)),
        crumbs=(
            (PATH, visitor.say(N_("Products"))),
            (f"{PATH}/{product.id}", product.doc.title or product.code or str(product.id)),
        ),
        orders=path_to("/desk/orders", {"q": variant.code}) if variant and variant.code else "",
    )


async def _of_product(call: Call, visitor: Visitor) -> tuple[Record, Record | None]:
    """The product that the path names, and its variant, if it names one. Raises CommandRejected."""

    def look(reads: Reads) -> tuple[Record, Record | None]:
        product = one(reads, visitor, "product", call.params["product"])
        if "variant" not in call.params:
            return product, None
        variant = one(reads, visitor, "variant", call.params["variant"])
        if variant.doc.product_id != product.id:
            raise unknown(call.params["variant"])
        return product, variant

    return await call.hub.read(look)


async def variant(call: Call, visitor: Visitor, sent: Form) -> Answer:
    of, found = await _of_product(call, visitor)
    shown = _variant_page(of, call.path, found, visitor)
    return show(call, visitor, "item.html", shown, sent)


async def change_variant(call: Call, visitor: Visitor, sent: Form) -> Answer:
    of, found = await _of_product(call, visitor)
    path = f"{PATH}/{of.id}"
    if found is None:
        return await made(call, visitor, sent, "variants", f"{path}/variants", product_id=of.id)
    return await changed(call, visitor, sent, "variants", found, path)


_ONE = f"{PATH}/{{product}}"
_VARIANTS = f"{_ONE}/variants"

ROUTES = (
    page(PATH, SCOPE, products),
    page(f"{PATH}/new", SCOPE, new_product),
    form(f"{PATH}/new", SCOPE, make_product, new_product),
    page(_ONE, SCOPE, product),
    form(_ONE, SCOPE, change_product, product),
    page(f"{_VARIANTS}/new", SCOPE, variant),
    form(f"{_VARIANTS}/new", SCOPE, change_variant, variant),
    page(f"{_VARIANTS}/{{variant}}", SCOPE, variant),
    form(f"{_VARIANTS}/{{variant}}", SCOPE, change_variant, variant),
)
