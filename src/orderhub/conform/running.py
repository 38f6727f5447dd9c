"""The whole kit against one server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx

from orderhub.conform.cases import Case, golden_cases
from orderhub.conform.rules import rule_cases
from orderhub.conform.runner import Result, Runner
from orderhub.dialects.conforming import Login


class CouldNotBegin(Exception):
    """Nothing was tried; the message is one clear sentence."""


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
    base_url: str,
    dialects: Sequence[str],
    *,
    operator_token: str = "",
    timeout_s: float = TIMEOUT_S,
    **more: Any,
) -> list[Result]:
    """As `conform`, over a client of its own. Raises CouldNotBegin where nobody answers, or not to the operator."""
    async with httpx.AsyncClient(base_url=base_url, timeout=timeout_s) as client:
        await _refuse_nobody(client, base_url, operator_token)
        return await conform(
            client, dialects, operator_token=operator_token, timeout_s=timeout_s, **more
        )


async def _refuse_nobody(client: httpx.AsyncClient, base_url: str, operator_token: str) -> None:
    """Whatever is answered is an answer; with an operator's token it must be a hub's that takes it."""
    headers = {"Authorization": f"Bearer {operator_token}"} if operator_token else {}
    try:
        answer = await client.get("/hub/v1/tenants?limit=1", headers=headers)
    except httpx.HTTPError as error:
        said = str(error) or type(error).__name__
        raise CouldNotBegin(f"Could not begin: nobody answers at {base_url}: {said}.") from None
    if operator_token and not answer.is_success:
        raise CouldNotBegin(
            f"Could not begin: the operator's token opens no hub at {base_url}: status {answer.status_code}."
        )
