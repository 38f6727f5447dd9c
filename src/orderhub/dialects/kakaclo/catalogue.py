"""What can be bought and where it lies: products, stocks, warehouses, categories; the balance."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from orderhub.core.catalogue import Product, Sellable, Variant, Warehouse
from orderhub.core.facts import Record
from orderhub.core.money import ZERO, from_micros, plain
from orderhub.core.parcels import known_as
from orderhub.core.queries import Reads, RecordQuery
from orderhub.core.stock import is_counted
from orderhub.core.values import MICROSECONDS
from orderhub.dialects.contract import Answer, Call
from orderhub.dialects.kakaclo.access import bad, caller_of, just_after, success
from orderhub.dialects.kakaclo.show import moment
from orderhub.dialects.kakaclo.wire import QUERY, Products, Stocks
from orderhub.dialects.scalars import as_integer, as_number

PAGE_SIZE = 30
_BATCH = 1_000
_DAY_US = 86_400 * MICROSECONDS
CATEGORY = "kakaclo.category"  # plain JSON: name, parentId, level, imgUrl

# Where a warehouse's country is written out, in the vendor's member `countryCn`.
_COUNTRIES = {"CN": "China", "US": "United States", "FR": "France", "DE": "Germany"}


def _every(reads: Reads, tenant_id: int, kind: str) -> list[Any]:
    return _documents(reads, RecordQuery(tenant_id=tenant_id, kind=kind, limit=_BATCH))


def _by(reads: Reads, tenant_id: int, kind: str, by: str, values: Iterable[Any]) -> list[Any]:
    wanted = tuple(str(value) for value in values)
    if not wanted:
        return []
    query = RecordQuery(tenant_id=tenant_id, kind=kind, by=by, values=wanted, limit=_BATCH)
    return _documents(reads, query)


def _documents(reads: Reads, query: RecordQuery) -> list[Any]:
    """Every document that is asked for, by id; read in portions."""
    found: list[Any] = []
    while True:
        portion = reads.records(query)
        found += [record.doc for record in portion]
        if len(portion) < query.limit:
            return found
        query = msgspec.structs.replace(query, after_id=portion[-1].id)


def _is_good(product: Product) -> bool:
    return product.kind == "good" and product.code != ""


def _skus_of(products: list[Product], variants: list[Variant]) -> list[Sellable]:
    """Every SKU of the products: themselves, where they are bought so, and their variants, off the shelf, too."""
    by_variant = _bought_by_variant(variants)
    by_product: dict[int, list[Variant]] = {}
    for variant in variants:
        if variant.code:
            by_product.setdefault(variant.product_id, []).append(variant)
    found: list[Sellable] = []
    for product in products:
        if product.id not in by_variant:
            found.append(Sellable(product))
        found += [Sellable(product, variant) for variant in by_product.get(product.id, ())]
    return found


def _bought_by_variant(variants: Iterable[Variant]) -> set[int]:
    """The products that have active variants: their own code is no SKU, nobody can order it."""
    return {each.product_id for each in variants if each.active}


def _named_skus(reads: Reads, tenant_id: int, codes: tuple[str, ...]) -> list[Sellable]:
    """The SKUs of these codes, in their order; unknown ones are left out."""
    variants: list[Variant] = _by(reads, tenant_id, "variant", "code", codes)
    owners = {each.product_id for each in variants}
    products = {p.id: p for p in _by(reads, tenant_id, "product", "id", sorted(owners))}
    found = {
        each.code: Sellable(products[each.product_id], each)
        for each in variants
        if each.product_id in products
    }
    goods = [p for p in _by(reads, tenant_id, "product", "code", codes) if p.kind == "good"]
    by_variant = _bought_by_variant(
        _by(reads, tenant_id, "variant", "product", [p.id for p in goods])
    )
    for product in goods:
        if product.id not in by_variant:
            found.setdefault(product.code, Sellable(product))
    return [found[code] for code in dict.fromkeys(codes) if code in found]


def _window(query: Stocks | Products) -> tuple[int, int] | None:
    """The time window that products and stocks may be asked for by; whole days, both ends in it."""
    start, end = query.dateStartTime, query.dateEndTime
    if start is None and end is None:
        return None
    if start is None or end is None:
        raise bad("dateEndTime" if end is None else "dateStartTime", "is required")
    if start > end:
        raise bad("dateStartTime", "must not be after dateEndTime")
    return start - start % _DAY_US, (just_after(end) or end) // _DAY_US * _DAY_US + _DAY_US


def _paged(query: Stocks | Products, *, by_name: bool) -> int:
    """`pageNumber`, which the vendor requires where a list may be long; of what is named it may be left out."""
    if query.pageNumber is None and not by_name:
        raise bad("pageNumber", "is required")
    return query.pageNumber or 1


def _changed_within(product: Product, window: tuple[int, int]) -> bool:
    """By `updateTime` of the product's data; without one it may have changed at any time."""
    at = product.data.get("updateTime")
    if not isinstance(at, str):
        return True
    start, end = moment(window[0]) or "", moment(window[1]) or ""
    return start <= at < end


# --- stocks


async def stocks(call: Call) -> Answer:
    """Stock by SKU and warehouse: only open warehouses that carry the SKU, also with none left."""
    caller, _ = await caller_of(call)
    query = QUERY.read(Stocks, call.query)
    codes = query.skus
    window = _window(query)
    if not codes and window is None:
        raise bad("skus", "is required, or dateStartTime, dateEndTime and pageNumber")
    page = _paged(query, by_name=bool(codes))

    def ask(reads: Reads) -> tuple[int, list[dict[str, Any]]]:
        tenant = caller.tenant_id
        if codes:
            skus = _named_skus(reads, tenant, codes)
        else:
            # The hub keeps no time for a stock: every SKU may have changed in the window.
            goods = [each for each in _every(reads, tenant, "product") if _is_good(each)]
            skus = _skus_of(goods, _every(reads, tenant, "variant"))
        total = len(skus)
        skus = skus[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
        countries = {each.code: each.country for each in _every(reads, tenant, "warehouse")}
        place = known_as(query.warehouseCode, countries) or query.warehouseCode
        held = _held(reads, tenant, skus)
        listing = [
            {
                "warehouseStockList": [
                    {"countryCode": countries.get(code), "qty": units, "warehouseCode": code}
                    for code, units in held.get(sku.subject, {}).items()
                    if place in ("", code)
                ],
                "sku": sku.sku,
            }
            for sku in skus
        ]
        return total, listing

    total, listing = await call.hub.read(ask)
    return success(_page(listing, total, page))


def _held(reads: Reads, tenant_id: int, skus: Iterable[Sellable]) -> dict[str, dict[str, int]]:
    """Subject -> code of an open warehouse -> units, in the order of the codes; of what is counted."""
    skus = tuple(skus)
    subjects = tuple(dict.fromkeys(sku.subject for sku in skus))
    found: dict[str, dict[str, int]] = {}
    for start in range(0, len(subjects), 500):
        for pool in reads.pools(tenant_id, "stock", subjects[start : start + 500]):
            found.setdefault(pool.key.subject, {})[pool.key.place] = pool.available
    counted = {sku.subject for sku in skus if is_counted(sku, found)}
    ship = {each.code for each in _every(reads, tenant_id, "warehouse") if each.active}
    return {
        name: {code: units for code, units in sorted(held.items()) if code in ship}
        for name, held in found.items()
        if name in counted
    }


def _page(listing: list[Any], total: int, page: int) -> dict[str, Any]:
    return {"total": total, "pageNumber": page, "pageSize": PAGE_SIZE, "list": listing}


# --- products


async def products(call: Call) -> Answer:
    """Products with their SKUs, by spus, skus, categoryId, or dateStartTime and dateEndTime."""
    caller, _ = await caller_of(call)
    query = QUERY.read(Products, call.query)
    spus, skus, category = query.spus, query.skus, query.categoryId
    window = _window(query)
    if not (spus or skus or category or window):
        raise bad("spus", "is required, or skus, categoryId, dateStartTime and dateEndTime")
    page = _paged(query, by_name=bool(spus or skus))
    sort, descending = _SORTS[query.sortType], query.sortBy == "desc"

    def ask(reads: Reads) -> tuple[int, list[dict[str, Any]]]:
        tenant = caller.tenant_id
        if spus or skus:
            found = [p for p in _by(reads, tenant, "product", "code", spus) if p.kind == "good"]
            found += [sku.product for sku in _named_skus(reads, tenant, skus)]
            found = list({product.id: product for product in found}.values())
        else:
            found = [each for each in _every(reads, tenant, "product") if _is_good(each)]
        if category:
            found = [p for p in found if str(p.data.get("categoryId", "")) == category]
        if window is not None:
            found = [p for p in found if _changed_within(p, window)]
        wanted = slice((page - 1) * PAGE_SIZE, page * PAGE_SIZE)
        if sort.by_sku:
            shown = _with_skus(reads, tenant, found)
            return len(found), sorted(shown, key=sort.key, reverse=descending)[wanted]
        found.sort(key=sort.key, reverse=descending)
        return len(found), _with_skus(reads, tenant, found[wanted])

    total, listing = await call.hub.read(ask)
    return success(_page(listing, total, page))


def _with_skus(reads: Reads, tenant_id: int, products: list[Product]) -> list[dict[str, Any]]:
    """The products as they are shown."""
    ids = [product.id for product in products]
    every = _skus_of(products, _by(reads, tenant_id, "variant", "product", ids))
    held = _held(reads, tenant_id, every)
    by_product: dict[int, list[Sellable]] = {}
    for sku in every:
        by_product.setdefault(sku.product.id, []).append(sku)
    return [_product(each, by_product.get(each.id, []), held) for each in products]


def _sales(product: Product) -> Decimal:
    return as_number(product.data.get("salesVolume")) or ZERO


class _Sort(NamedTuple):
    key: Callable[[Any], Any]
    by_sku: bool  # by what only its SKUs tell: the key is of the shown product, else of the product


_SORTS = {
    "salasVolume": _Sort(_sales, by_sku=False),
    "stock": _Sort(lambda shown: shown["stock"], by_sku=True),
    "price": _Sort(lambda shown: shown["price"], by_sku=True),
    "updateTime": _Sort(lambda product: str(product.data.get("updateTime") or ""), by_sku=False),
}


def _product(
    product: Product, skus: list[Sellable], held: dict[str, dict[str, int]]
) -> dict[str, Any]:
    data = product.data
    details = [_sku(sku, held) for sku in skus]
    return {
        "kkProductId": product.id,
        "spu": product.code,
        "productName": product.title,
        "description": data.get("description"),
        "sizeImagePath": data.get("sizeImagePath"),
        "spuStatus": _spu_status({sku["skuStatus"] for sku in details}),
        "categoryId": data.get("categoryId"),
        "fullCategoryName": data.get("fullCategoryName"),
        "salesVolume": _sales(product),
        "attributesJson": data.get("attributesJson"),
        "price": min(
            (plain(sku.price) for sku in skus if sku.price is not None),
            default=plain(product.price or ZERO),
        ),
        "stock": sum(sku["stock"] for sku in details),
        "createTime": data.get("createTime"),
        "updateTime": data.get("updateTime"),
        "skuDetails": details,
        "skuImgUrl": [
            {"skus": [sku["sku"]], "imgUrl": [sku["mainImg"]]} for sku in details if sku["mainImg"]
        ],
    }


def _sku(sellable: Sellable, held: dict[str, dict[str, int]]) -> dict[str, Any]:
    """One SKU. `skuStatus` is what the product's data says, as far as it fits what is sold."""
    variant = sellable.variant
    data = sellable.product.data | (variant.data if variant is not None else {})
    stock = sum(held.get(sellable.subject, {}).values())
    name = (variant.title if variant is not None else "") or sellable.product.title
    return {
        "sku": sellable.sku,
        "skuName": name,
        "mainImg": data.get("image"),
        "packageLength": _number(data.get("packageLength")),
        "packageWidth": _number(data.get("packageWidth")),
        "packageHeight": _number(data.get("packageHeight")),
        "packageWeight": sellable.weight_g,
        "cost": _number(data.get("cost")),
        "price": plain(sellable.price or ZERO),
        "stock": stock,
        "option1": data.get("option1"),
        "option2": data.get("option2"),
        "option3": data.get("option3"),
        "material": data.get("material"),
        "skuStatus": _sku_status(sellable, as_integer(data.get("skuStatus"))),
    }


# The vendor's: 0 off the shelf, 1 on it, 2 deleted, 3 discontinued, 4 and 5 clearance, 6 no stock.
_SOLD = (1, 4, 5, 6)
_NOT_SOLD = (0, 2, 3)
_ON_THE_SHELF = {1, 4, 5}
_NO_STOCK = 6


def _sku_status(sellable: Sellable, said: int | None) -> int:
    if sellable.is_active and sellable.price is not None:
        return said if said in _SOLD else 1
    return said if said in _NOT_SOLD else 0


def _spu_status(of_skus: set[int]) -> int:
    """The vendor's table: one SKU on the shelf is enough, else one without stock; what all of them are; else off it."""
    if of_skus & _ON_THE_SHELF:
        return 1
    if _NO_STOCK in of_skus:
        return _NO_STOCK
    return of_skus.pop() if len(of_skus) == 1 else 0


def _number(value: Any) -> Any:
    """A number of free data, which may be kept as the text of one; what is none is left as it is."""
    number = as_number(value) if isinstance(value, str) else None
    return value if number is None else number


# --- warehouses, categories, balance


async def warehouses(call: Call) -> Answer:
    caller, _ = await caller_of(call)
    found: list[Warehouse] = await call.hub.read(
        lambda reads: _every(reads, caller.tenant_id, "warehouse")
    )
    listing = [
        {
            "warehouseId": each.id,
            "warehouseCode": each.code,
            "warehouseName": each.name or each.code,
            "warehouseNameExt": each.name or each.code,
            "countryCode": each.country,
            "countryCn": _COUNTRIES.get(each.country, each.country),
            "status": 1 if each.active else 0,
        }
        for each in sorted(found, key=lambda each: each.code)
    ]
    return success({"list": listing})


async def categories(call: Call) -> Answer:
    """The tree of categories; one whose parent is unknown stands at the root."""
    caller, _ = await caller_of(call)
    query = RecordQuery(tenant_id=caller.tenant_id, kind=CATEGORY, limit=10_000)
    found = await call.hub.read(lambda reads: reads.records(query))
    return success({"list": _tree(found)})


def _tree(records: tuple[Record, ...]) -> list[dict[str, Any]]:
    parents = {record.id: int(record.doc.get("parentId") or 0) for record in records}
    children: dict[int, list[Record]] = {}
    for record in records:
        parent = parents[record.id]
        children.setdefault(parent if parent in parents else 0, []).append(record)

    def level(parent: int, depth: int, path: tuple[int, ...]) -> list[dict[str, Any]]:
        return [
            {
                "categoryId": record.id,
                "parentId": parent,
                "level": depth,
                "fullCategoryId": "/".join(map(str, (*path, record.id))),
                "imgUrl": record.doc.get("imgUrl"),
                "name": record.doc.get("name", ""),
                "child": level(record.id, depth + 1, (*path, record.id)),
            }
            for record in children.get(parent, ())
        ]

    return level(0, 1, ())


async def balance(call: Call) -> Answer:
    """The prepaid balance that orders are drawn on, in the account's currency."""
    caller, settings = await caller_of(call)
    found = await call.hub.read(
        lambda reads: reads.pools(caller.tenant_id, "balance", (settings.currency,))
    )
    micros = sum(pool.available for pool in found if not pool.key.place)
    amount = plain(from_micros(micros)) if micros else ZERO
    return success({"balance": amount, "currency": settings.currency})
