"""python -m bench desk: every page of the desk with a million orders, and what five people who click cost the orders.

The pages are those of the routes: one that is not measured fails the benchmark. Times are told by the wall, and as
processor time of the server, which others on the machine hardly change.
"""

from __future__ import annotations

import argparse
import http.client
import json
import re
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from html import unescape
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from sqlalchemy import Connection, text

from bench.__main__ import _call, _databases, _fresh, _prepare, _server, cases_with_run
from bench.cases import cases
from bench.client import Result, patient
from bench.fair import _cpu_s
from bench.reading import create_case, first_body
from bench.scale import multiply, numbers
from orderhub.core.handing import NEVER
from orderhub.demo import PASSWORD
from orderhub.ledger.daily import DAY
from orderhub.ledger.database import open_engine, writing
from orderhub.web.desk import desk

_CASE, _TENANT, _TOKEN = "anqicms", "shop", "hub-demo-operator"
_OPERATOR = "operator@hub.example"
_P95_MS, _AT_LEAST = 100.0, 0.95
_PEOPLE, _THINKS_S = 5, 3.0
_UNPAID_SHARE, _MOST_UNPAID = 200, 1_900
_ITEMS, _CALLS, _DELIVERIES, _DAYS = 20_000, 200_000, 50_000, 90
_DAY_US = 86_400_000_000
# What five people look at all day.
_CLICKED = ("/desk/overview", "/desk/orders", "/desk/orders?status=paid", "/desk/stock")


# --- a big ledger


def fill(url: str, orders: int) -> dict[str, str]:
    """A business with so many orders, and as much of all else as comes with them; answers with names of its things."""
    _fresh(url)
    case = create_case(_CASE)
    with _server(url, "hub") as (base_url, _):
        _prepare(base_url, case)
        hook = _call(
            base_url,
            "POST",
            f"/hub/v1/webhooks?tenant={_TENANT}",
            _TOKEN,
            {"url": "http://127.0.0.1:9/", "kinds": ["order.paid"]},
        )
        to, way = _onward(base_url)
        first = _placed(base_url)
        _call(base_url, "PATCH", f"{way}?tenant={_TENANT}", _TOKEN, {"enabled": False})
        _call(base_url, "POST", f"/hub/v1/orders/{first}/pay", _TOKEN, {})
    engine = open_engine(url)
    unpaid = min(orders // _UNPAID_SHARE, _MOST_UNPAID)
    multiply(engine, orders - unpaid)
    with _server(url, "hub") as (base_url, _):
        second = _placed(base_url)
    multiply(engine, unpaid, "400000000")
    with writing(engine).begin() as connection:
        tenant_id = connection.execute(
            text("SELECT id FROM tenant WHERE name = :name"), {"name": _TENANT}
        ).scalar_one()
        _items(connection, tenant_id)
        _calls(connection, tenant_id)
        _days(connection, tenant_id)
        _deliveries(connection, tenant_id, hook["id"], first)
        _hand_overs(connection, tenant_id)
    # What PostgreSQL does by itself within minutes of so much that was written.
    tidied = "ANALYZE" if url.startswith("sqlite") else "VACUUM ANALYZE"
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text(tidied))
    engine.dispose()
    return {"paid": first, "unpaid": second, "webhook": hook["id"], "connection": to}


def _placed(base_url: str) -> str:
    case = create_case(_CASE)
    _call(base_url, "POST", case.path, case.token, json.loads(first_body(case)))
    newest = _call(base_url, "GET", f"/hub/v1/orders?tenant={_TENANT}&limit=1", _TOKEN, None)
    return str(newest["items"][0]["uid"])


def _onward(base_url: str) -> tuple[str, str]:
    """A connection that nobody sees to, and the path of a route by which every order goes there."""
    body = {
        "dialect": "kakaclo",
        "base_url": "http://127.0.0.1:9",
        "credentials": {"token": "none"},
        "enabled": False,
    }
    asked = f"tenant={_TENANT}"
    to = _call(base_url, "POST", f"/hub/v1/connections?{asked}", _TOKEN, body)["id"]
    route = {"connection": to, "when": "placed"}
    way = _call(base_url, "POST", f"/hub/v1/routes?{asked}", _TOKEN, route)["id"]
    return to, f"/hub/v1/routes/{way}"


def _copy(
    connection: Connection, table: str, where: str, count: int, changes: dict[str, str]
) -> None:
    """So many copies of one row, each with what changes as SQL of `n.i`."""
    row = connection.execute(text(f"SELECT * FROM {table} AS t WHERE {where} LIMIT 1")).one()
    names = list(row._mapping)
    picked = ", ".join(changes.get(name, f"t.{name}") for name in names)
    connection.execute(
        text(
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {picked} FROM "
            f"(SELECT * FROM {table} AS t WHERE {where} LIMIT 1) AS t "
            f"CROSS JOIN {numbers(connection, 1, count)}"
        )
    )


def _items(connection: Connection, tenant_id: int) -> None:
    """Products, each with its stock; of every tenth little is left."""
    ahead = "1000000 + n.i"
    here = f"t.tenant_id = {tenant_id}"
    product = f"{here} AND t.kind = 'product'"
    named = {"id": ahead, "uid": "'uid-' || n.i", "code": "'CODE-' || n.i"}
    _copy(connection, "record", product, _ITEMS, named)
    left = "CASE WHEN n.i % 10 = 0 THEN 3 ELSE 1000 + n.i % 977 END"
    stock = {
        "subject": f"'product:' || ({ahead})",
        "opening": left,
        "available": left,
        "adjusted": "0",
        "drawn": "0",
        "returned": "0",
        "low_at": "5",
    }
    _copy(connection, "pool", f"{here} AND t.kind = 'stock'", _ITEMS, stock)


def _calls(connection: Connection, tenant_id: int) -> None:
    changes = {"id": "'bench-' || n.i", "recorded_at": "t.recorded_at - n.i * 1000000"}
    changes["reason"] = "CASE WHEN n.i % 2 = 0 THEN 'out_of_stock' ELSE '' END"
    _copy(connection, "request_log", f"t.tenant_id = {tenant_id}", _CALLS, changes)


def _days(connection: Connection, tenant_id: int) -> None:
    """The days before, in five channels."""
    for door in ("hub", "tours4fun", "kakaclo", "mews", "anqicms"):
        day = "date('now', '-' || n.i || ' days')"
        if connection.dialect.name == "postgresql":
            day = "to_char(CURRENT_DATE - CAST(n.i AS integer), 'YYYY-MM-DD')"
        where = f"t.tenant_id = {tenant_id} AND t.owner LIKE '{DAY}%' AND t.slot >= 0"
        changes = {"owner": f"'{DAY}' || {day}", "door": f"'{door}'", "slot": "99"}
        _copy(connection, "tally", where, _DAYS, changes)


def _hand_overs(connection: Connection, tenant_id: int) -> None:
    """Every order was handed on; of some nobody knows, some were refused."""
    state = "CASE order_id % 100 WHEN 0 THEN 'unsure' WHEN 1 THEN 'refused' ELSE 'placed' END"
    query = f"UPDATE hand_over SET state = {state}, due_at = {NEVER} WHERE tenant_id = :tenant"
    connection.execute(text(query), {"tenant": tenant_id})


def _deliveries(connection: Connection, tenant_id: int, uid: str, order: str) -> None:
    """As if the webhook had told of it again and again, and of many others."""
    log = json.dumps([{"at": 1, "status": 204, "duration_us": 900}])
    about = f"CASE WHEN n.i % 1000 = 0 THEN '{order}' ELSE 'other-' || n.i END"
    connection.execute(
        text(
            "INSERT INTO delivery (tenant_id, webhook_id, id, event_id, kind, about, cause, state,"
            " attempts, next_at, first_at, last_at, log) "
            f"SELECT r.tenant_id, r.id, 1000 + n.i, 'evt_{order.replace('-', '')}_1', 'order.paid', "
            f"{about}, 'event', 'sent', 1, 0, {time.time_ns() // 1000}, {time.time_ns() // 1000}, :log "
            f"FROM record AS r CROSS JOIN {numbers(connection, 1, _DELIVERIES)} "
            "WHERE r.tenant_id = :tenant AND r.kind = 'webhook' AND r.uid = :uid"
        ),
        {"log": log, "tenant": tenant_id, "uid": uid},
    )


# --- pages


class Person:
    """Somebody with a browser: one connection, and the cookies."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        self._cookies: dict[str, str] = {}
        self._page = ""
        self.get("/desk/login")
        self._post("/desk/login", email=_OPERATOR, password=PASSWORD)
        self.get("/desk/tenants")
        self._post("/desk/tenant", tenant=_TENANT)

    def get(self, path: str) -> tuple[int, str]:
        return self._send("GET", path)

    def _post(self, path: str, **members: str) -> None:
        token = re.search(r'name="_form" value="(\w+)"', self._page)
        assert token, f"{path} has no form to send"
        status, _ = self._send("POST", path, urlencode({"_form": token[1], **members}))
        assert status == 303, f"{path} answers {status}"

    def _send(self, method: str, path: str, body: str = "") -> tuple[int, str]:
        headers = {"Cookie": "; ".join(f"{name}={each}" for name, each in self._cookies.items())}
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self._connection.request(method, path, body or None, headers)
        answer = self._connection.getresponse()
        text = answer.read().decode(errors="replace")
        for cookie in answer.headers.get_all("set-cookie") or ():
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[name] = value
        if text:
            self._page = text
        return answer.status, text


def pages(person: Person, known: dict[str, str]) -> dict[str, list[str]]:
    """What is measured, by the path of its route."""

    def link(path: str, pattern: str) -> str:
        found = re.search(f'href="({pattern})"', person.get(path)[1])
        if found is None:
            raise SystemExit(f"{path} leads to no {pattern}: nothing was measured")
        return unescape(found[1])

    paid, unpaid = (f"/desk/orders/{known[name]}" for name in ("paid", "unpaid"))
    shown = person.get(paid)[1]
    views = sorted(set(re.findall(r'href="(/desk/orders/[^/"]+/as/\w+)"', shown)))
    both = shown + person.get(unpaid)[1]
    steps = sorted(set(re.findall(r'href="(/desk/orders/[^/"]+/(?!as/|amend)[\w-]+)"', both)))
    word = re.search(r"<dt>Name</dt><dd>([^<]+)</dd>", shown) or re.search(
        r"<dt>Contact</dt><dd>([^<,]+)", shown
    )
    name = unescape(word[1]) if word else "a"
    older = link("/desk/orders", r"/desk/orders\?[^\"]*after=[^\"]*")
    phones = re.findall(r'href="(/desk/customers\?[^"]*)"', shown)
    return {
        "/desk/orders": [
            "/desk/orders",
            "/desk/orders?status=paid",
            "/desk/orders?status=pending",
            f"/desk/orders?q={quote(name)}",
            "/desk/orders?q=nobody%20at%20all",
            "/desk/orders?q=GOODS-188",
            older,
        ],
        "/desk/orders/{uid}": [paid, unpaid],
        "/desk/orders/{uid}/as/{dialect}": views,
        "/desk/orders/{uid}/{step}": steps,
        "/desk/orders/{uid}/amend": [f"{paid}/amend"],
        "/desk/orders/{uid}/packing-slip": [f"{paid}/packing-slip"],
        "/desk/orders/{uid}/invoice": [f"{paid}/invoice"],
        "/desk/overview": ["/desk/overview", "/desk/overview?time=90"],
        "/desk/stock": [
            "/desk/stock",
            "/desk/stock?level=low",
            "/desk/stock?q=CODE-77",
            link("/desk/stock", r"/desk/stock\?after=[^\"]*"),
        ],
        "/desk/stock/pool": [link("/desk/stock", r"/desk/stock/pool\?[^\"]*")],
        "/desk/customers": [unescape(phones[0])] if phones else ["/desk/customers"],
        "/desk/products": ["/desk/products", "/desk/products?q=CODE-77"],
        "/desk/requests": ["/desk/requests", "/desk/requests?status=400"],
        "/desk/requests/{id}": [link("/desk/requests", r"/desk/requests/[^\"?]+")],
        "/desk/webhooks/{uid}": [f"/desk/webhooks/{known['webhook']}"],
        "/desk/onward": [
            "/desk/onward",
            "/desk/onward?state=unsure",
            "/desk/onward?state=placed",
            link("/desk/onward", r"/desk/onward\?after=[^\"]*"),
        ],
        "/desk/onward/preview": [f"/desk/onward/preview?order={known['paid']}"],
        "/desk/connections/{uid}/change": [f"/desk/connections/{known['connection']}/change"],
        "/desk/connections/{uid}/listings": [f"/desk/connections/{known['connection']}/listings"],
        "/desk/connections/new": ["/desk/connections/new?dialect=kakaclo"],
    }


_NO_PAGES = ("/desk", "/desk/static", "/desk/login", "/desk/welcome", "/desk/again")


def measured(person: Person, known: dict[str, str]) -> Iterator[str]:
    """Every page there is; of which there is no example here is said."""
    special = pages(person, known)
    found = [path for paths in special.values() for path in paths]
    yield from found
    for route in desk().routes:
        path = route.path
        pattern = re.compile(re.sub(r"\{\w+\}", "[^/?]+", path) + r"(\?.*)?")
        is_page = route.method == "GET" and path not in _NO_PAGES
        if not is_page or path.startswith(_NO_PAGES[1:]) or any(map(pattern.fullmatch, found)):
            continue
        if "{" not in path:
            yield path
        elif example := _example(person, path):
            yield example
        else:
            print(f"  {path}: there is none here to look at")


def _example(person: Person, path: str) -> str:
    """A page of a thing that its list leads to, or that such a thing leads to."""
    page = path.partition("/{")[0]
    for step in dict.fromkeys(
        [*(path[: end.end()] for end in re.finditer(r"\{\w+\}", path)), path]
    ):
        pattern = re.sub(r"\{\w+\}", r'[^/"?]+', step)
        found = re.search(f'href="({pattern})"', person.get(page)[1])
        if found is None:
            return ""
        page = unescape(found[1])
    return page


def bench_pages(server: tuple[str, int], known: dict[str, str], repeats: int) -> bool:
    base_url, pid = server
    person, holds = Person(base_url), True
    print(f"{'page':<58} {'p50 ms':>8} {'p95 ms':>8} {'CPU ms':>8}", flush=True)
    for path in dict.fromkeys(measured(person, known)):
        person.get(path)
        took: list[float] = []
        before_s = _cpu_s(pid)
        for _ in range(repeats):
            started = time.perf_counter()
            status, _ = person.get(path)
            took.append(1000 * (time.perf_counter() - started))
        cpu_ms = 1000 * (_cpu_s(pid) - before_s) / repeats
        took.sort()
        p95 = took[min(len(took) - 1, int(0.95 * len(took)))]
        verdict = "" if status in (200, 303) and p95 < _P95_MS else f"  {status} TOO SLOW"
        holds = holds and not verdict
        p50 = statistics.median(took)
        print(f"{path[:58]:<58} {p50:>8.1f} {p95:>8.1f} {cpu_ms:>8.1f}{verdict}", flush=True)
    return holds


# --- what it costs the orders


@contextmanager
def _clicking(people: list[Person]) -> Iterator[list[int]]:
    """All of them, each a page every three seconds; answers with how many each has seen."""
    seen = [0] * len(people)
    ends = threading.Event()

    def click(number: int) -> None:
        while not ends.wait(_THINKS_S):
            status, _ = people[number].get(_CLICKED[seen[number] % len(_CLICKED)])
            seen[number] += status == 200

    threads = [threading.Thread(target=click, args=(number,)) for number in range(len(people))]
    for each in threads:
        each.start()
    try:
        yield seen
    finally:
        ends.set()
        for each in threads:
            each.join()


def _load(base_url: str, seconds: float) -> Result:
    return patient(cases_with_run(_CASE), base_url, 32, seconds)


def bench_orders(server: tuple[str, int], seconds: float, rounds: int) -> bool:
    """With and without, in turn."""
    base_url, _ = server
    _prepare(base_url, cases()[_CASE])
    people = [Person(base_url) for _ in range(_PEOPLE)]
    share = _share(server, people[0])
    print(f"their pages take {share:.1%} of a core, whatever else the machine does", flush=True)
    ratios, pages_seen = [], 0
    with ProcessPoolExecutor(1) as pool:
        pool.submit(_load, base_url, 1.0).result()
        for number in range(rounds):
            rates: dict[bool, tuple[float, float]] = {}
            for clicks in (False, True) if number % 2 else (True, False):
                rates[clicks], seen = _round(pool, server, seconds, people if clicks else [])
                pages_seen += seen
            by_wall = rates[True][0] / rates[False][0]
            by_cpu = rates[True][1] / rates[False][1]
            ratios.append((by_wall, by_cpu))
            print(f"orders/s with five people: {by_wall:.3f} x without; by CPU {by_cpu:.3f} x")
    wall, cpu = (statistics.median(each) for each in zip(*ratios, strict=True))
    best = max(wall, cpu)
    print(f"median {wall:.3f} x, by CPU {cpu:.3f} x, of {pages_seen} pages (at least {_AT_LEAST})")
    return best >= _AT_LEAST


def _share(server: tuple[str, int], person: Person) -> float:
    """How much of a core five people take, by what a page of theirs costs."""
    turns = 5
    before_s = _cpu_s(server[1])
    for _ in range(turns):
        for path in _CLICKED:
            person.get(path)
    page_s = (_cpu_s(server[1]) - before_s) / (turns * len(_CLICKED))
    return page_s * _PEOPLE / _THINKS_S


def _round(
    pool: ProcessPoolExecutor, server: tuple[str, int], seconds: float, people: list[Person]
) -> tuple[tuple[float, float], int]:
    """Orders a second, and by a second of the server's processor time; and how many pages were seen."""
    base_url, pid = server

    def load() -> tuple[float, float]:
        before_s = _cpu_s(pid)
        found: Any = pool.submit(_load, base_url, seconds).result()
        return found.per_second, found.answered / (_cpu_s(pid) - before_s)

    with _clicking(people) as seen:
        return load(), sum(seen)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.desk", description=__doc__)
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with _databases(given.database) as urls:
        started = time.perf_counter()
        known = fill(urls[0], given.orders)
        took_s = time.perf_counter() - started
        print(f"{given.database}: {given.orders:,} orders in {took_s:.0f} s", flush=True)
        with _server(urls[0], "hub") as server:
            holds = bench_pages(server, known, given.repeats)
            holds = bench_orders(server, given.seconds, given.rounds) and holds
    raise SystemExit(0 if holds else 1)


if __name__ == "__main__":
    main()
