"""The dialects there are: one for each folder."""

from __future__ import annotations

import importlib
import pkgutil

from orderhub import dialects
from orderhub.dialects.contract import Dialect


def find_dialects() -> tuple[Dialect, ...]:
    """Every folder under `dialects`, by name. Raises AttributeError for one without a DIALECT."""
    return tuple(
        importlib.import_module(f"{dialects.__name__}.{module.name}").DIALECT
        for module in pkgutil.iter_modules(dialects.__path__)
        if module.ispkg
    )
