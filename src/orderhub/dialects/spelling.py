"""Canonical field names in a vendor's spelling."""

from __future__ import annotations

import re
from collections.abc import Mapping

_INDEX = re.compile(r"\[\d+\]")


def spelled(fields: Mapping[str, str], field: str) -> str:
    """The vendor's spelling of a canonical field: exact, else with its list positions set aside.

    A member of an entry that has no name of ours (a field of a form) keeps its own, behind the vendor's for the entry.
    """
    found = fields.get(field)
    if found is not None:
        return found
    pattern = _INDEX.sub("[]", field)
    found = fields.get(pattern)
    if found is None:
        entry, of_an_entry, own = field.rpartition("].")
        return f"{spelled(fields, f'{entry}]')}.{own}" if of_an_entry else field
    for position in _INDEX.findall(field):
        found = found.replace("[]", position, 1)
    return found
