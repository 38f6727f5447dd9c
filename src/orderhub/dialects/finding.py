"""The dialects there are: one for each folder."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from orderhub import dialects
from orderhub.dialects.conforming import Conformance
from orderhub.dialects.contract import Dialect


def dialect_names() -> tuple[str, ...]:
    """Every folder under `dialects`, in order."""
    return tuple(
        sorted(module.name for module in pkgutil.iter_modules(dialects.__path__) if module.ispkg)
    )


def find_dialects() -> tuple[Dialect, ...]:
    """Every dialect, by name. Raises AttributeError for a folder without a DIALECT."""
    return tuple(part_of(name).DIALECT for name in dialect_names())


def conformance_of(name: str) -> Conformance:
    """What the conformance kit knows of a dialect. Raises ModuleNotFoundError for one that has no `conform.py`."""
    found: Conformance = part_of(name, "conform").CONFORMANCE
    return found


def part_of(name: str, part: str = "") -> Any:
    """A module of a dialect's folder; without a part the folder's own. Raises ModuleNotFoundError for none."""
    return importlib.import_module(".".join(filter(None, (dialects.__name__, name, part))))
