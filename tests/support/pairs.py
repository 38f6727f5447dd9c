"""Golden pairs in tests: the product's own runner, each pair in a sandbox of its own where it needs one."""

from __future__ import annotations

from orderhub.conform.cases import Case, golden_cases
from orderhub.conform.runner import PASSED, Runner
from tests.support.hub import OPERATOR, HubUnderTest


def runner_on(
    hub: HubUnderTest, dialect: str, operator: str = OPERATOR, of: type[Runner] = Runner
) -> Runner:
    sample = golden_cases(dialect)[0].request
    return of(hub.client, samples={dialect: sample}, operator_token=operator)


async def passes(runner: Runner, case: Case) -> None:
    result = await runner.run_one(case)
    assert result.outcome == PASSED, "\n".join(result.differences or [result.why])
