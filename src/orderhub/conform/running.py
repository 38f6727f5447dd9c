"""The whole kit against one server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx

from orderhub.conform.cases import Case, golden_cases
from orderhub.conform.doors import DOORS
from orderhub.conform.logins import Login
from orderhub.conform.rules import rule_cases
from orderhub.conform.runner import Result, Runner

DIALECTS = tuple(sorted(DOORS))
TIMEOUT_S = 30.0


def all_cases(dialects: Sequence[str], create: Any = None) -> list[Case]:
    """Golden pairs, then rules, of each dialect."""
    cases: list[Case] = []
    for dialect in dialects:
        goldens = golden_cases(dialect)
        cases += [*goldens, *rule_cases(dialect, goldens, create)]
    return cases


async def conform(
    client: httpx.AsyncClient,
    dialects: Sequence[str],
    *,
    login: Login | None = None,
    operator_token: str = "",
    vendor_only: bool = False,
    create: Any = None,
    timeout_s: float = TIMEOUT_S,
) -> list[Result]:
    """Every case of the dialects, in order, over a client whose base URL is the server's."""
    runner = Runner(
        client,
        login=login or Login(),
        samples={each: golden_cases(each)[0].request for each in dialects},
        operator_token=operator_token,
        vendor_only=vendor_only,
        timeout_s=timeout_s,
    )
    return await runner.run(all_cases(dialects, create))


async def conform_server(
    base_url: str, dialects: Sequence[str], *, timeout_s: float = TIMEOUT_S, **more: Any
) -> list[Result]:
    """As `conform`, over a client of its own."""
    async with httpx.AsyncClient(base_url=base_url, timeout=timeout_s) as client:
        return await conform(client, dialects, timeout_s=timeout_s, **more)
