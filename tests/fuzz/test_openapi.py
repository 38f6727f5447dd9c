"""Every operation of every document under Schemathesis: no 5xx, nothing that its document does not say."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orderhub.app import Hub
from tests.support.calls import copied
from tests.support.fuzzing import DIALECTS, Names, fuzz, made_names, schema_of, served

pytestmark = pytest.mark.slow

# So many examples for each operation unless more are asked for (`make fuzz`); an operation that is
# served at several paths has them at the first, and a look at the others: a tenth as many.
_FEW = 12
_DEFAULT = 25


def operations() -> Iterator[Any]:
    for dialect in DIALECTS.values():
        seen = set()
        for route in dialect.routes:
            is_alias = route.handler in seen
            seen.add(route.handler)
            name = f"{route.method} {route.path}"
            yield pytest.param(dialect.name, name, is_alias, id=f"{dialect.name} {name}")


@pytest.fixture(scope="module")
def served_hub(
    demo_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Hub, Names]]:
    """The hub, and the names of what is in it."""
    url = copied(demo_file, tmp_path_factory.mktemp("fuzz"))
    known = made_names(url)
    with served(url) as hub:
        yield hub, known


@pytest.fixture(scope="module")
def document(served_hub: tuple[Hub, Names], fuzz_examples: int) -> Callable[[str], Any]:
    """Name of a dialect -> its document as Schemathesis reads it, read once."""
    found: dict[tuple[str, int], Any] = {}
    hub, known = served_hub

    def look_up(dialect: str, examples: int) -> Any:
        if (dialect, examples) not in found:
            is_thorough = fuzz_examples > _DEFAULT
            found[dialect, examples] = schema_of(
                hub, dialect, examples, known, thorough=is_thorough
            )
        return found[dialect, examples]

    return look_up


@pytest.mark.parametrize(("dialect", "operation", "is_alias"), [*operations()])
def test_an_operation(document, fuzz_examples, dialect, operation, is_alias):
    examples = fuzz_examples if fuzz_examples > _DEFAULT else _FEW
    fuzz(document(dialect, examples // 10 if is_alias else examples), dialect, operation)
