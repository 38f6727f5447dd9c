"""A shop for all tests of a file."""

import pytest

from orderhub.ledger.check import check_ledger
from tests.dialects.anqicms.front import open_shop


@pytest.fixture(scope="module")
async def hub(tmp_path_factory):
    async with open_shop(tmp_path_factory.mktemp("shop")) as opened:
        yield opened
        # Whatever the tests did, the ledger's laws hold: pools are conserved, rows are their events.
        assert check_ledger(opened.hub.ledger.engine).breaches == []
