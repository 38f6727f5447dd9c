"""Rules that hold for every call of a vendor's API, made into cases: each from a golden pair that is accepted."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from orderhub.conform.cases import Case, Check
from orderhub.conform.replies import Reply, succeeded
from orderhub.dialects.conforming import HUB_PATH, Conformance, Kind, Request
from orderhub.dialects.finding import conformance_of
from orderhub.dialects.json_paths import PathMissing, at

_PLACEHOLDER = re.compile(r"\{\{=?\w+\}\}")
_NOBODY = "00000000-0000-4000-8000-000000000000"
_PADDING = 2_000_000
_DEPTH = 100_000
_KEY = "Idempotency-Key"


def rule_cases(dialect: str, goldens: Sequence[Case], create: Any = None) -> list[Case]:
    """The rules of a dialect. `create`: a body that the server accepts, in place of the first golden pair's."""
    vendor = conformance_of(dialect)
    samples = list(_samples(goldens))
    order = goldens[0].request
    if create is not None:
        order = replace(order, body=create, text=None)
    maker = _Maker(dialect, goldens[0].tenant, vendor, order)
    return [
        *maker.of_calls(samples),
        *maker.of_the_wire(),
        *maker.of_orders(),
        *maker.of_keys(),
        *maker.of_dry_runs(),
    ]


def _samples(goldens: Sequence[Case]) -> Iterator[Request]:
    """One accepted request for each call, as far as the golden pairs have one."""
    seen = set()
    for case in goldens:
        request = case.request
        call = (request.method, request.path)
        if call in seen or not case.accepts or request.path.startswith(HUB_PATH):
            continue
        seen.add(call)
        yield request


def _unfilled(value: Any) -> Any:
    """Without placeholders: for calls that are refused before anything is looked up."""
    if isinstance(value, str):
        return _PLACEHOLDER.sub(_NOBODY, value)
    if isinstance(value, Mapping):
        return {name: _unfilled(each) for name, each in value.items()}
    return [_unfilled(each) for each in value] if isinstance(value, list) else value


def _bare(request: Request) -> Request:
    return replace(
        request,
        path=_unfilled(request.path),
        query=_unfilled(request.query),
        headers=_unfilled(request.headers),
        body=_unfilled(request.body),
        save={},
    )


def _json_text(request: Request) -> str:
    if request.text is not None:
        return request.text
    return json.dumps(request.body, ensure_ascii=False)


class _Maker:
    def __init__(self, dialect: str, tenant: str, vendor: Conformance, order: Request) -> None:
        self._dialect = dialect
        self._tenant = tenant
        self._vendor = vendor
        self._order = order

    def _case(
        self,
        name: str,
        title: str,
        check: Check,
        *requests: Request,
        of_hub: bool = False,
        free: bool = False,
    ) -> Case:
        return Case(
            dialect=self._dialect,
            name=name,
            title=title,
            requests=requests,
            check=check,
            tenant=self._tenant,
            of_hub=of_hub,
            free=free,
        )

    def _says(self, kind: Kind) -> Check:
        envelope = self._vendor.errors[kind]
        return lambda replies, _saved: envelope.wrong(replies[-1].status, replies[-1].value())

    def _create(self) -> Request:
        return self._vendor.create(self._order, f"conform-{secrets.token_hex(6)}")

    # --- every call

    def of_calls(self, samples: Sequence[Request]) -> Iterator[Case]:
        for sample in map(_bare, samples):
            call = f"{sample.method} {sample.path}"
            if sample.path not in self._vendor.open:
                yield self._case(
                    f"no credentials: {call}",
                    "Nobody is let in without credentials",
                    self._says(Kind.NO_LOGIN),
                    self._vendor.client.without_login(sample),
                )
                yield self._case(
                    f"wrong credentials: {call}",
                    "Credentials that were never given out are refused",
                    self._says(Kind.WRONG_LOGIN),
                    self._vendor.client.with_wrong_login(sample),
                )
            if sample.body is not None or sample.text is not None:
                yield self._case(
                    f"malformed: {call}",
                    "A body that breaks off is refused",
                    self._says(Kind.MALFORMED),
                    replace(sample, text=_json_text(sample).rstrip()[:-1]),
                )
            if self._vendor.no_put:
                yield self._case(
                    f"wrong method: {call}",
                    "A method that the call does not have is refused",
                    self._says(Kind.METHOD),
                    replace(sample, method="PUT"),
                )

    # --- what no call may be

    def of_the_wire(self) -> Iterator[Case]:
        order = self._create()
        head, _, _ = order.path.rpartition("/")
        for path in (f"{head}/no-such-call", f"{order.path}/no/such/call"):
            yield self._case(
                f"unknown path: {path}",
                "A path that does not exist is refused in the vendor's words",
                self._says(Kind.NOT_FOUND),
                replace(order, path=path),
            )
        text = _json_text(order)
        whole = text.rstrip().removesuffix("}")
        bodies = {
            "empty body": "",
            "a text": '"order"',
            "a list": "[1]",
            "nested deeply": f'{whole},"x":{"[" * _DEPTH}{"]" * _DEPTH}}}',
            "U+0000": f'{whole},"x":"\\u0000"}}',
            "a number without measure": f'{whole},"x":1e999999999}}',
        }
        for name, body in bodies.items():
            yield self._case(
                f"malformed: {name}",
                "What is no usable JSON object is refused, never a breakdown",
                self._says(Kind.MALFORMED),
                replace(order, body=None, text=body),
                of_hub=name in ("U+0000", "a number without measure"),
            )
        yield self._case(
            "malformed: not UTF-8",
            "What is no Unicode is mended where the vendor's decoder does so, else refused",
            self._taken if self._vendor.mends else self._says(Kind.MALFORMED),
            replace(order, body=None, text=f'{whole},"x":"\udcff"}}'),
        )
        yield self._case(
            "too large",
            "A body beyond the limit is refused",
            self._says(Kind.TOO_LARGE),
            replace(order, body=None, text=f'{whole},"x":"{"x" * _PADDING}"}}'),
            of_hub=True,
        )

    # --- orders

    def of_orders(self) -> Iterator[Case]:
        order = self._create()
        yield self._case("create", "An order is taken", self._taken, order)
        yield self._case(
            "create: JSON",
            "The answer says that it is JSON",
            self._is_json,
            self._create(),
        )
        spaced = replace(
            order, body=None, text=json.dumps(self._create().body, indent=2, ensure_ascii=True)
        )
        yield self._case(
            "create: spelled out",
            "Escapes and spaces in the JSON change nothing",
            self._taken,
            spaced,
        )
        yield self._case(
            "create: two orders",
            "Two requests without a key are two orders",
            self._two_orders,
            self._create(),
            self._create(),
        )
        order = self._create()
        yield self._case(
            "create: read back",
            "What was created is shown under its number",
            self._shows_it,
            replace(order, save={"number": self._vendor.number}),
            self._vendor.read(order),
        )

    def _taken(self, replies: Sequence[Reply], _saved: Mapping[str, Any]) -> list[str]:
        reply = replies[-1]
        wrong = self._vendor.taken.wrong(reply.status, reply.value())
        if wrong:
            return [*wrong, f"answer: {reply.body[:200]!r}"]
        try:
            number = at(reply.value(), self._vendor.number)
        except PathMissing as missing:
            return [f"{missing.path}: missing"]
        return [] if number else [f"{self._vendor.number}: expected a number, got {number!r}"]

    def _is_json(self, replies: Sequence[Reply], saved: Mapping[str, Any]) -> list[str]:
        kind = replies[-1].headers.get("content-type", "")
        wrong = self._taken(replies, saved)
        if not kind.startswith("application/json"):
            wrong.append(f"content-type: expected application/json, got {kind!r}")
        return wrong

    def _shows_it(self, replies: Sequence[Reply], saved: Mapping[str, Any]) -> list[str]:
        wrong = self._taken(replies[:1], saved)
        reply, number = replies[-1], saved["number"]
        if reply.status != 200 or not (succeeded(reply) and _shows(reply, number)):
            wrong.append(f"{number} is not in the answer: {reply.status} {reply.body[:200]!r}")
        return wrong

    def _shows_nothing(self, replies: Sequence[Reply], saved: Mapping[str, Any]) -> list[str]:
        wrong = self._taken(replies[:1], saved)
        reply, number = replies[-1], saved["number"]
        if succeeded(reply) and _shows(reply, number):
            wrong.append(f"the order {number} of the dry run is there: {reply.body[:200]!r}")
        return wrong

    def _two_orders(self, replies: Sequence[Reply], saved: Mapping[str, Any]) -> list[str]:
        wrong = [line for reply in replies for line in self._taken([reply], saved)]
        if wrong:
            return wrong
        first, second = (at(reply.value(), self._vendor.number) for reply in replies)
        return [] if first != second else [f"both answers say {first}"]

    # --- what the hub promises beyond the vendors

    def of_keys(self) -> Iterator[Case]:
        def keyed(request: Request, key: str) -> Request:
            return replace(request, headers={**request.headers, _KEY: key})

        def fresh() -> str:
            return secrets.token_hex(12)

        order, key = self._create(), fresh()
        yield self._case(
            "key: a repeat",
            "The same request under the same key is answered with the same bytes",
            self._replayed,
            keyed(order, key),
            keyed(order, key),
            of_hub=True,
        )
        order, key = self._create(), fresh()
        yield self._case(
            "key: a third time",
            "A repeat of a repeat is still the first answer",
            self._replayed,
            *[keyed(order, key)] * 3,
            of_hub=True,
        )
        order, key = self._create(), fresh()
        yield self._case(
            "key: other content",
            "A key does not stand for two requests",
            self._says(Kind.KEY_REUSED),
            keyed(order, key),
            keyed(self._vendor.changed(order), key),
            of_hub=True,
        )
        yield self._case(
            "key: too long",
            "A key of more than 255 characters is refused",
            self._says(Kind.KEY_INVALID),
            keyed(self._create(), "k" * 256),
            of_hub=True,
        )
        order, key = self._create(), fresh()
        broken = replace(order, body=None, text=_json_text(order)[:-2])
        yield self._case(
            "key: refused before",
            "A call that was refused binds no key",
            self._not_replayed,
            keyed(broken, key),
            keyed(order, key),
            of_hub=True,
            free=True,
        )

    def _replayed(self, replies: Sequence[Reply], saved: Mapping[str, Any]) -> list[str]:
        first, last = replies[0], replies[-1]
        wrong = self._taken([first], saved)
        if (first.status, first.body) != (last.status, last.body):
            wrong.append(f"first {first.status} {first.body[:120]!r}, then {last.body[:120]!r}")
        if last.headers.get("idempotent-replayed") != "true":
            wrong.append("header Idempotent-Replayed: missing")
        return wrong

    def _not_replayed(self, replies: Sequence[Reply], saved: Mapping[str, Any]) -> list[str]:
        wrong = self._taken(replies, saved)
        if "idempotent-replayed" in replies[-1].headers:
            wrong.append("an answer that was not to be kept was replayed")
        return wrong

    def of_dry_runs(self) -> Iterator[Case]:
        def dry(request: Request) -> Request:
            return request.with_headers(Hub_Dry_Run="true")

        order = self._create()
        yield self._case(
            "dry run: says so",
            "A dry run is accepted and says that it is one",
            self._was_dry,
            dry(order),
            of_hub=True,
        )
        order = self._create()
        yield self._case(
            "dry run: leaves nothing",
            "After a dry run the same order is taken as if for the first time",
            self._same_shape,
            dry(order),
            order,
            of_hub=True,
        )
        order = dry(self._create())
        yield self._case(
            "dry run: nothing to read",
            "What a dry run would have created is not shown under its number",
            self._shows_nothing,
            replace(order, save={"number": self._vendor.number}),
            self._vendor.read(order),
            of_hub=True,
        )
        order, key = self._create(), secrets.token_hex(12)
        yield self._case(
            "dry run: binds no key",
            "A key shown with a dry run is free afterwards",
            self._not_replayed,
            dry(order).with_headers(Idempotency_Key=key),
            order.with_headers(Idempotency_Key=key),
            of_hub=True,
        )

    def _was_dry(self, replies: Sequence[Reply], saved: Mapping[str, Any]) -> list[str]:
        wrong = self._taken(replies, saved)
        if replies[-1].headers.get("hub-dry-run") != "true":
            wrong.append("header Hub-Dry-Run: missing in the answer")
        return wrong

    def _same_shape(self, replies: Sequence[Reply], saved: Mapping[str, Any]) -> list[str]:
        dry, real = replies
        wrong = self._taken([real], saved)
        if "hub-dry-run" in real.headers:
            wrong.append("header Hub-Dry-Run: the real call says that it is a dry run")
        if dry.status != real.status:
            wrong.append(f"status: {dry.status} when dry, {real.status} when real")
        if _members(dry.value()) != _members(real.value()):
            wrong.append("the bodies have different members")
        return wrong


def _members(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _members(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_members(each) for each in value]
    return None


def _values(value: Any) -> Iterator[Any]:
    """All that stands in a JSON value and is neither object nor array."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _values(each)
    else:
        yield value


def _shows(reply: Reply, number: Any) -> bool:
    return any(str(each) == str(number) for each in _values(reply.value()))
