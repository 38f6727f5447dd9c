"""Hypothesis for tests that reach a database or a hub: no deadline, and no hours of shrinking."""

from hypothesis import HealthCheck, Phase, settings


def examples(count: int, *, shrink: bool = False) -> settings:
    """So many random examples. `shrink` pays only where one example costs next to nothing."""
    phases = [Phase.explicit, Phase.reuse, Phase.generate]
    return settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[*phases, Phase.shrink] if shrink else phases,
        suppress_health_check=list(HealthCheck),
    )
