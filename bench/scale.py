"""python -m bench scale: do reads stay as fast with 1,000,000 orders in the ledger as with 10,000?

One order is placed through the dialect's own door and its rows are multiplied by SQL, tallies included.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import urllib.request
from contextlib import ExitStack
from typing import Any

from sqlalchemy import Connection, Engine, select, text

from bench.__main__ import _call, _databases, _fresh, _server
from bench.reading import READINGS, Reading, create_case, first_body
from orderhub.ledger.daily import DAY
from orderhub.ledger.database import open_engine, writing
from orderhub.ledger.groups import ALL_OWNERS, GROUPED, GROUPS
from orderhub.ledger.tables import metadata, order_event, order_group, orders, pool_move

_SMALL, _LARGE = 10_000, 1_000_000
_CHUNK = 50_000
_PLACED = {"feed"}  # its rows come one after another in a lane: see `_places`
_US_BETWEEN = 1_000_000
_IDS_AHEAD = 1_000_000
_NUMBERED = "300000000"


def multiply(engine: Engine, copies: int, numbered: str = _NUMBERED) -> None:
    """So many copies of the newest order, with its group if it has one, each older than the last.

    Lines, events, moves, terms, timers, places in the feed and tallies are copied with it, so that every law of
    `orderhub check` holds. `numbered`: how numbers of 18 digits begin.
    """
    with writing(engine).begin() as connection:
        newest = connection.execute(
            orders.select().order_by(orders.c.recorded_at.desc()).limit(1)
        ).one()
        same_group = (
            orders.c.group_number == newest.group_number
            if newest.group_number
            else orders.c.id == newest.id
        )
        of_group = orders.select().where(orders.c.tenant_id == newest.tenant_id, same_group)
        members = connection.execute(of_group.order_by(orders.c.id)).all()
    for start in range(1, copies + 1, _CHUNK):
        with writing(engine).begin() as connection:
            for member in members:
                count = min(_CHUNK, copies + 1 - start)
                _copy_chunk(connection, member, len(members), start, count, numbered)
    with writing(engine).begin() as connection:
        for member in members:
            owners = {ALL_OWNERS, member.owner or ALL_OWNERS}
            if member.group_number:
                owners.add(GROUPED)
            for owner in owners:
                _tally(connection, member, owner, member.status, copies)
        if newest.group_number:
            _tally(connection, newest, GROUPS, newest.status, copies)
        _days(connection, newest.tenant_id, copies + 1)
        _refill(connection, newest.tenant_id, [member.id for member in members], copies)
        connection.execute(
            text(
                "UPDATE counter SET next = next + :n WHERE tenant_id = :tenant AND name = 'order'"
            ),
            {"n": copies * len(members) + _IDS_AHEAD, "tenant": newest.tenant_id},
        )
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))


def _tally(connection: Connection, order: Any, owner: str, status: str, copies: int) -> None:
    connection.execute(
        text(
            "UPDATE tally SET n = n + :n WHERE tenant_id = :tenant AND door = :door "
            "AND status = :status AND owner = :owner"
        ),
        {
            "n": copies,
            "tenant": order.tenant_id,
            "door": order.door,
            "status": status,
            "owner": owner,
        },
    )


def _days(connection: Connection, tenant_id: int, times: int) -> None:
    """What the days came to: the copies count on the day of the one order that was there."""
    changes = [f"{name} = {name} * :times" for name in ("n", "units", "refunds", "cancellations")]
    for name in ("revenue", "refunded", "cancelled"):
        rest = f"{name}_millionths * :times"
        changes.append(f"{name} = {name} * :times + ({rest}) / 1000000")
        changes.append(f"{name}_millionths = {rest} - ({rest}) / 1000000 * 1000000")
    connection.execute(
        text(
            f"UPDATE tally SET {', '.join(changes)} WHERE tenant_id = :tenant "
            f"AND substr(owner, 1, {len(DAY)}) = '{DAY}'"
        ),
        {"times": times, "tenant": tenant_id},
    )


def numbers(connection: Connection, start: int, count: int) -> str:
    """So many rows `n.i` from `start` on, as SQL."""
    if connection.dialect.name == "postgresql":
        return f"generate_series(CAST({start} AS bigint), {start + count - 1}) AS n(i)"
    return (
        f"(WITH RECURSIVE n(i) AS (SELECT {start} UNION ALL SELECT i + 1 FROM n "
        f"WHERE i < {start + count - 1}) SELECT i FROM n) AS n"
    )


def _copy_chunk(
    connection: Connection, order: Any, step: int, start: int, count: int, numbered: str
) -> None:
    """Copies of one order; `step`: so many orders are copied side by side, with ids one after another."""
    postgres = connection.dialect.name == "postgresql"
    series = numbers(connection, start, count)
    further = f"{_IDS_AHEAD} + {step} * n.i"
    hexed = "lpad(to_hex(n.i), 9, '0')" if postgres else "printf('%09x', n.i)"
    padded = "lpad(CAST(n.i AS text), 9, '0')" if postgres else "printf('%09d', n.i)"
    uid = f"'{order.uid[:24]}' || {hexed} || '000'"
    number = f"'{numbered}' || {padded}"
    if order.number == order.uid:
        number = uid
    elif len(order.number) < 18:
        number = f"CAST({int(order.number)} + {further} AS text)"
    # A group's number comes from the same ids: as many again ahead, it is nobody else's.
    group = (
        f"CAST({int(order.group_number)} + 1000 * {_IDS_AHEAD} + n.i AS text)"
        if order.group_number
        else "''"
    )
    changed = {
        "id": f"{order.id} + {further}",
        "order_id": f"{order.id} + {further}",
        "head_id": f"t.head_id + {further}",
        "uid": uid,
        "number": number,
        "group_number": group,
        "reference": f"'B' || {padded}" if order.reference else "''",
        "natural_key": "t.natural_key || '-' || n.i" if order.natural_key else "''",
        "recorded_at": f"t.recorded_at - n.i * {_US_BETWEEN}",
        "updated_at": f"t.updated_at - n.i * {_US_BETWEEN}",
        "occurred_at": f"t.occurred_at - n.i * {_US_BETWEEN}",
    }
    for table in metadata.sorted_tables:
        key, value, changes = "order_id", order.id, dict(changed)
        if table is orders:
            key = "id"
        elif table is order_group:
            if order.id != _head(connection, order):
                continue
            key, value, changes["number"] = "number", order.group_number, group
        elif "order_id" not in table.c or table.name in _PLACED:
            continue
        else:
            del changes["id"]
            if table is order_event:
                changes["data"] = _told(order, changed)
        names = [column.name for column in table.columns]
        picked = ", ".join(changes.get(name, f't."{name}"') for name in names)
        columns = ", ".join(f'"{name}"' for name in names)
        connection.execute(
            text(
                f"INSERT INTO {table.name} ({columns}) SELECT {picked} FROM {table.name} AS t "
                f"CROSS JOIN {series} WHERE t.tenant_id = :tenant AND t.{key} = :value"
            ),
            {"tenant": order.tenant_id, "value": value},
        )

    if order.natural_key:
        connection.execute(
            text(
                "INSERT INTO natural_key (tenant_id, key, batch, order_uid) "
                f"SELECT t.tenant_id, t.key || '-' || n.i, t.batch, {uid} FROM natural_key AS t "
                f"CROSS JOIN {series} WHERE t.tenant_id = :tenant AND t.key = :key"
            ),
            {"tenant": order.tenant_id, "key": order.natural_key},
        )
    _places(connection, order, series, further, start, count)


def _told(order: Any, changed: dict[str, str]) -> str:
    """What an event of the order tells, of its copy: names are texts in it, a time is a number."""
    data = "t.data"
    for name in ("number", "group_number", "reference"):
        old = getattr(order, name)
        if old:
            data = (
                f"""replace({data}, '"{name}":"{old}"', '"{name}":"' || {changed[name]} || '"')"""
            )
    old = order.occurred_at
    moved = f"{old} - n.i * {_US_BETWEEN}"
    # A colon before a digit is no name of a parameter.
    return f"""replace({data}, '"occurred_at"\\:{old}', '"occurred_at"\\:' || ({moved}))"""


def _places(
    connection: Connection, order: Any, series: str, further: str, start: int, count: int
) -> None:
    """Places in the feed behind those that there are, for the events of the order's copies."""
    of_order = {"tenant": order.tenant_id, "order": order.id}
    lane = connection.execute(
        text(
            "SELECT l.lane, l.next, l.stamp, (SELECT count(*) FROM order_event e WHERE "
            "e.tenant_id = :tenant AND e.order_id = :order AND e.fed = 1) AS events "
            "FROM feed_lane l WHERE l.tenant_id = :tenant ORDER BY l.lane LIMIT 1"
        ),
        of_order,
    ).one()
    behind = f"(n.i - {start}) * {lane.events} + e.version"
    connection.execute(
        text(
            "INSERT INTO feed (tenant_id, lane, position, stamp, order_id, version) "
            f"SELECT e.tenant_id, {lane.lane}, {lane.next} + {behind} - 1, {lane.stamp} + {behind}, "
            f"{order.id} + {further}, e.version FROM order_event AS e CROSS JOIN {series} "
            "WHERE e.tenant_id = :tenant AND e.order_id = :order AND e.fed = 1"
        ),
        of_order,
    )
    connection.execute(
        text(
            "UPDATE feed_lane SET next = next + :n, stamp = stamp + :n "
            "WHERE tenant_id = :tenant AND lane = :lane"
        ),
        {"n": count * lane.events, "tenant": order.tenant_id, "lane": lane.lane},
    )


def _refill(connection: Connection, tenant_id: int, order_ids: list[int], copies: int) -> None:
    """Pools of which the copies drew have as much more, by an adjustment of each."""
    named = "tenant_id = :tenant AND kind = :kind AND subject = :subject AND place = :place"
    drawn: dict[tuple[str, str, str], dict[str, int]] = {}
    for order_id in order_ids:
        for move in connection.execute(
            pool_move.select().where(
                pool_move.c.tenant_id == tenant_id, pool_move.c.order_id == order_id
            )
        ):
            units = drawn.setdefault((move.pool_kind, move.subject, move.place), {})
            units[move.kind] = units.get(move.kind, 0) + move.units * copies
    for number, ((kind, subject, place), units) in enumerate(drawn.items(), 1):
        taken, back = units.get("draw", 0), units.get("return", 0)
        pool = {"tenant": tenant_id, "kind": kind, "subject": subject, "place": place}
        given = {**pool, "taken": taken, "back": back, "more": taken - back, "number": number}
        connection.execute(
            text(
                "INSERT INTO pool_move (tenant_id, order_id, id, kind, pool_kind, subject, place, units, line_no, "
                "reason, actor, recorded_at) SELECT :tenant, 0, next + :number, 'adjustment', :kind, :subject, "
                ":place, :more, 0, 'bench', 'bench', 0 FROM counter WHERE tenant_id = :tenant AND name = 'move'"
            ),
            given,
        )
        connection.execute(
            text(
                "UPDATE pool SET adjusted = adjusted + :more, drawn = drawn + :taken, returned = returned + :back "
                f"WHERE {named}"
            ),
            given,
        )
    connection.execute(
        text("UPDATE counter SET next = next + :n WHERE tenant_id = :tenant AND name = 'move'"),
        {"n": len(drawn) + 1, "tenant": tenant_id},
    )


def _head(connection: Connection, order: Any) -> int:
    """The first order of the order's group; 0 = it has none."""
    found = select(order_group.c.head_id).where(
        order_group.c.tenant_id == order.tenant_id, order_group.c.number == order.group_number
    )
    return int(connection.execute(found).scalar() or 0)


def _timed(reading: Reading, base_urls: list[str], repeats: int) -> dict[int, list[float]]:
    """Page number -> median milliseconds at each server, asked in turn so that noise meets them all.

    A list that ends before a page has no time for it.
    """
    found: dict[int, list[float]] = {}
    cursors = [""] * len(base_urls)
    for page in range(1, max(reading.pages) + 1):
        times: list[list[float]] = [[] for _ in base_urls]
        bodies = [b""] * len(base_urls)
        for _ in range(repeats if page in reading.pages else 1):
            for index, base_url in enumerate(base_urls):
                took, bodies[index] = _ask(reading, base_url, cursors[index])
                times[index].append(took)
        if page in reading.pages:
            found[page] = [statistics.median(each) for each in times]
        if reading.cursor:
            answers = [json.loads(body) for body in bodies]
            if not all(each["items"] for each in answers):
                raise SystemExit(f"{reading.name} found nothing: nothing was measured")
            cursors = [each.get(reading.cursor) or "" for each in answers]
            if not all(cursors):
                break
    return found


def _ask(reading: Reading, base_url: str, cursor: str) -> tuple[float, bytes]:
    """Milliseconds, and the answer's body."""
    request = urllib.request.Request(
        reading.url(base_url, cursor),
        method=reading.method,
        data=reading.data(),
        headers={
            "Authorization": f"Bearer {reading.token}",
            "Content-Type": "application/json",
        },
    )
    started = time.perf_counter()
    with urllib.request.urlopen(request) as answer:
        body = answer.read()
    return 1000 * (time.perf_counter() - started), body


def scale_case(name: str, database: str, large: int, repeats: int) -> bool:
    """Times every reading of a dialect on both ledgers; answers whether all stay within their bound."""
    case = create_case(name)
    holds = True
    with _databases(database) as urls, ExitStack() as stack:
        servers = []
        for url, copies in zip(urls, (_SMALL, large), strict=False):
            _fresh(url)
            with _server(url, "hub") as (base_url, _):
                _call(base_url, "POST", case.path, case.token, json.loads(first_body(case)))
            engine = open_engine(url)
            started = time.perf_counter()
            multiply(engine, copies)
            engine.dispose()
            print(
                f"{name} on {database}: {copies:,} orders in {time.perf_counter() - started:.0f} s",
                flush=True,
            )
            servers.append(stack.enter_context(_server(url, "hub"))[0])
        for reading in READINGS[name]:
            _timed(reading, servers, 1)  # warms caches up
            pages = _timed(reading, servers, repeats)
            for page in reading.pages:
                if page not in pages:
                    raise SystemExit(f"{reading.name} has no page {page}: nothing was measured")
                small, big = pages[page]
                ratio = big / small
                verdict = "holds" if ratio <= reading.times else "TOO SLOW"
                holds = holds and ratio <= reading.times
                print(
                    f"  {reading.name:<31} page {page:>3}: {small:8.2f} ms, {big:8.2f} ms, "
                    f"{ratio:5.2f} x (at most {reading.times:g}) {verdict}",
                    flush=True,
                )
    return holds


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.scale", description=__doc__)
    parser.add_argument("--case", action="append", choices=list(READINGS))
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--orders", type=int, default=_LARGE)
    parser.add_argument("--repeats", type=int, default=15)
    given = parser.parse_args()
    results = [
        scale_case(name, given.database, given.orders, given.repeats)
        for name in given.case or list(READINGS)
    ]
    raise SystemExit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
