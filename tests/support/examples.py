"""Hypothesis for tests that reach a database or a hub: no hours of shrinking, no health checks.

What is by chance and what is not is the profile's to say (tests/conftest.py).
"""

from hypothesis import HealthCheck, Phase, settings


def examples(count: int, *, shrink: bool = False) -> settings:
    """So many made-up examples. `shrink` pays only where one example costs next to nothing."""
    phases = [Phase.explicit, Phase.reuse, Phase.generate]
    return settings(
        max_examples=count,
        phases=[*phases, Phase.shrink] if shrink else phases,
        suppress_health_check=list(HealthCheck),
    )
