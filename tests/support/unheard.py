"""One more reason and one more kind of fault, before any dialect is loaded: who has words for them all the same?

python -m tests.support.unheard [FOLDER OF MORE DIALECTS...]

Prints JSON: dialect -> what it answered where it should have had no row. Only the table of a dialect that
spells every row has none for what nobody has heard of; whatever answers here is a default.
"""

import json
import sys
from collections.abc import Callable
from enum import StrEnum
from types import ModuleType
from typing import Any

import orderhub.dialects
from orderhub.core import refusals


def add_member(module: ModuleType, name: str) -> Any:
    """The enum `name` of the module with a member more, for everyone who imports it from now on."""
    members = {each.name: each.value for each in getattr(module, name)}
    wider: Any = StrEnum(name, {**members, "UNHEARD_OF": "unheard_of"})  # type: ignore[misc]
    setattr(module, name, wider)
    return wider.UNHEARD_OF


def worded(answer: Callable[[Any, Any], Any], call: Any, what: Any) -> list[str]:
    try:
        return [answer(call, what).body.decode()]
    except KeyError:
        return []


def main() -> None:
    orderhub.dialects.__path__.extend(sys.argv[1:])
    reason = add_member(refusals, "Reason")
    # Only now, since the tables are made when a dialect is imported.
    from orderhub.dialects import contract  # noqa: PLC0415

    kind = add_member(contract, "FaultKind")
    from orderhub.dialects.finding import find_dialects  # noqa: PLC0415
    from tests.support.wording import calls  # noqa: PLC0415

    rejected, fault = refusals.Rejected(reason, "lines"), contract.Fault(kind)
    found: dict[str, list[str]] = {}
    for dialect in find_dialects():
        found[dialect.name] = answers = []
        for call in calls(dialect):
            answers += worded(dialect.refusal, call, rejected)
            answers += worded(dialect.fault, call, fault)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
