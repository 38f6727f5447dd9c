"""orderhub init: an empty ledger and the operator's token, before anything is served."""

from __future__ import annotations

import asyncio
from typing import Any

from orderhub.cli.tokens import Database

_CREDENTIALS = "/hub/v1/tenants/operator/credentials"


def init(database: Database = None) -> None:
    """Make an empty ledger and an operator's token, which is shown now and never again."""
    from orderhub.cli.session import one_sentence, show

    with one_sentence():
        show(_made(database))


def _made(database: str | None) -> Any:
    from orderhub.cli.session import CommandRefused, answer_of, within
    from orderhub.core.decide import RECORD_TYPES
    from orderhub.ledger.database import ServeLock
    from orderhub.ledger.ledger import Ledger
    from orderhub.settings import ProgramSettings

    settings = ProgramSettings.from_environment(database=database)

    def asked(method: str, json: Any = None) -> Any:
        request = {"method": method, "url": _CREDENTIALS, "json": json}
        return answer_of(asyncio.run(within(settings, request)))

    lock = ServeLock(settings.database)
    lock.take("a command", create=True)
    try:
        Ledger.open(settings.database, RECORD_TYPES).close()
        if asked("GET")["items"]:
            raise CommandRefused(
                f"{settings.database} has an operator already: "
                "`orderhub token create operator --scope operator` makes another token."
            )
        return asked("POST", {"kind": "hub", "scopes": ["operator"], "label": "orderhub init"})
    finally:
        lock.release()
