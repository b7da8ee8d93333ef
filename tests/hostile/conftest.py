"""Tests with hostile clients and hung servers, for `make hostile` and `make hostile-full`. `make test` deselects them.

All traffic stays on the loopback interface and is bounded in count and time. A test suspends only servers that it
started itself.
"""

import os
from pathlib import Path

import pytest

from tests.tiers import deselect

TIER = "CAPTIOND_HOSTILE"
IN_FULL = os.environ.get(TIER) == "full"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    deselect(config, items, Path(__file__).parent, TIER)
