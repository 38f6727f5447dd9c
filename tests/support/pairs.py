"""Golden pairs in tests: the product's own runner, each pair in a sandbox of its own where it needs one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from orderhub.conform.cases import Case, golden_cases
from orderhub.conform.runner import PASSED, Runner
from tests.support.hub import OPERATOR, HubUnderTest, running_hub


def golden_pairs(dialect: str) -> dict[str, Case]:
    return {case.name: case for case in golden_cases(dialect)}


def runner_on(hub: HubUnderTest, dialect: str, operator: str = OPERATOR) -> Runner:
    sample = golden_cases(dialect)[0].requests[-1]
    return Runner(hub.client, samples={dialect: sample}, operator_token=operator)


@asynccontextmanager
async def golden_runner(where: Path, dialect: str) -> AsyncIterator[Runner]:
    async with running_hub(where) as hub:
        yield runner_on(hub, dialect)


async def passes(runner: Runner, case: Case) -> None:
    result = await runner.run_one(case)
    assert result.outcome == PASSED, "\n".join(result.differences or [result.why])
