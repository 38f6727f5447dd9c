"""python -m bench.plain URL PORT WORKERS: a plain FastAPI + SQLAlchemy service that takes KakaClo's create call.

What a good team builds in a week, for `bench against` to measure beside the hub: bodies are checked by pydantic, the
caller is looked up, a repeat is told its first answer, stock and balance are taken by conditional updates, order and
lines are written, all of it in one transaction, as durable as the hub's. It splits nothing over warehouses, keeps no
history, no feed and no log of requests.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, Header, HTTPException
from pydantic import BaseModel, Field
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    event,
    func,
    insert,
    select,
    update,
)

from bench.cases import cases

_URL = "ORDERHUB_BENCH_PLAIN"
_PRICE, _PLENTY = 1_000, 10**12

metadata = MetaData()
shops = Table(
    "shop",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("token", Text, nullable=False, unique=True),
    Column("balance", BigInteger, nullable=False),
)
stock = Table(
    "stock",
    metadata,
    Column("shop_id", ForeignKey("shop.id"), primary_key=True),
    Column("sku", Text, primary_key=True),
    Column("price", BigInteger, nullable=False),
    Column("available", BigInteger, nullable=False),
)
orders = Table(
    "orders",
    metadata,
    Column("id", Text, primary_key=True),
    Column("shop_id", ForeignKey("shop.id"), nullable=False),
    Column("reference", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("address", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column(
        "created_at",
        Text,
        nullable=False,
        server_default=func.current_timestamp(),
        index=True,
    ),
    UniqueConstraint("shop_id", "reference"),
)
lines = Table(
    "order_line",
    metadata,
    Column("order_id", ForeignKey("orders.id"), primary_key=True),
    Column("line_no", Integer, primary_key=True),
    Column("sku", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("price", BigInteger, nullable=False),
)


class Item(BaseModel):
    sku: Annotated[str, Field(min_length=1, max_length=100)]
    quantity: Annotated[int, Field(ge=1, le=1_000_000)]


class Address(BaseModel):
    country: Annotated[str, Field(alias="countryCode", pattern="^[A-Z]{2}$")]
    recipient: Annotated[str, Field(min_length=1)]
    phone: str
    street: Annotated[str, Field(alias="street1", min_length=1)]
    city: Annotated[str, Field(min_length=1)]
    province: str = ""
    zip: str = ""


class NewOrder(BaseModel):
    address: Annotated[Address, Field(alias="orderAddresses")]
    items: Annotated[list[Item], Field(alias="orderItemsList", min_length=1)]
    reference: Annotated[str, Field(alias="CustomOrderNumber", min_length=1)]


def open_plain(url: str) -> Engine:
    """With the durability of the hub, and connections enough for all of the framework's threads."""
    if not url.startswith("sqlite"):
        psycopg = url.replace("postgresql://", "postgresql+psycopg://", 1)
        return create_engine(psycopg, pool_size=20, max_overflow=20)
    engine = create_engine(url, pool_size=20, max_overflow=20)

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 30000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def fill(url: str) -> None:
    """Tables, and whatever the benchmark's calls ask for."""
    engine = open_plain(url)
    metadata.create_all(engine)
    with engine.begin() as connection:
        for number, name in enumerate(("kakaclo-one-sku", "kakaclo"), 1):
            case = cases()[name]
            connection.execute(insert(shops).values(id=number, token=case.token, balance=_PLENTY))
            for each in case.body["orderItemsList"]:
                row = {"sku": each["sku"], "price": _PRICE, "available": _PLENTY}
                connection.execute(insert(stock).values(shop_id=number, **row))
    engine.dispose()


def build(url: str) -> FastAPI:
    """The service."""
    app, engine = FastAPI(), open_plain(url)
    # SQLite has one writer: threads that wait here do not poll the file for its lock.
    turn = threading.Lock() if url.startswith("sqlite") else nullcontext()

    @contextmanager
    def transaction() -> Iterator[Connection]:
        with turn, engine.begin() as connection:
            yield connection

    @app.get("/health/ready")
    def ready() -> dict[str, str]:
        return {"status": "ready"}

    @app.post("/openapi/v1/order/order")
    def create(order: NewOrder, authorization: Annotated[str, Header()]) -> dict[str, Any]:
        with transaction() as connection:
            return _placed(connection, order, authorization.removeprefix("Bearer "))

    return app


def _placed(connection: Connection, order: NewOrder, token: str) -> dict[str, Any]:
    shop_id = connection.execute(select(shops.c.id).where(shops.c.token == token)).scalar()
    if shop_id is None:
        raise HTTPException(401)
    same = (orders.c.shop_id == shop_id, orders.c.reference == order.reference)
    repeated = connection.execute(select(orders.c.answer).where(*same)).scalar()
    if repeated is not None:
        return dict(json.loads(repeated))
    wanted: dict[str, int] = {}
    for item in order.items:
        wanted[item.sku] = wanted.get(item.sku, 0) + item.quantity
    prices = {sku: _take(connection, shop_id, sku, wanted[sku]) for sku in sorted(wanted)}
    total = sum(prices[item.sku] * item.quantity for item in order.items)
    paid = connection.execute(
        update(shops)
        .where(shops.c.id == shop_id, shops.c.balance >= total)
        .values(balance=shops.c.balance - total)
    )
    if not paid.rowcount:
        raise HTTPException(409, "balance")
    order_id = str(uuid.uuid4())
    answer = {"code": 10000, "data": {"id": order_id, "total": total}}
    row = {"id": order_id, "shop_id": shop_id, "reference": order.reference, "status": "paid"}
    row |= {
        "total": total,
        "address": order.address.model_dump_json(),
        "answer": json.dumps(answer),
    }
    connection.execute(insert(orders), row)
    rows = [
        {
            "order_id": order_id,
            "line_no": number,
            "sku": item.sku,
            "quantity": item.quantity,
            "price": prices[item.sku],
        }
        for number, item in enumerate(order.items, 1)
    ]
    connection.execute(insert(lines), rows)
    return answer


def _take(connection: Connection, shop_id: int, sku: str, units: int) -> int:
    """Draws the units; answers their price. Taken in the order of SKUs, so that no two calls block each other."""
    named = (stock.c.shop_id == shop_id, stock.c.sku == sku)
    price = connection.execute(
        update(stock)
        .where(*named, stock.c.available >= units)
        .values(available=stock.c.available - units)
        .returning(stock.c.price)
    ).scalar()
    if price is None:
        raise HTTPException(409, f"stock of {sku}")
    return int(price)


def app() -> FastAPI:
    """For uvicorn's workers."""
    return build(os.environ[_URL])


def main() -> None:
    url, port, workers = sys.argv[1:]
    fill(url)
    os.environ[_URL] = url
    uvicorn.run(
        "bench.plain:app",
        factory=True,
        port=int(port),
        workers=int(workers),
        timeout_worker_healthcheck=60,  # a worker that is busy is none that hangs
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
