"""Tests with hostile clients and hung servers, for `make hostile` and `make hostile-full`. `make test` deselects them.

All traffic stays on the loopback interface and is bounded in count and time. A test suspends only servers that it
started itself.
"""

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TIER = "CAPTIOND_HOSTILE"
IN_FULL = os.environ.get(TIER) == "full"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    ours = [item for item in items if item.path.is_relative_to(HERE)]
    left_out = [item for item in ours if TIER not in os.environ or (item.get_closest_marker("full") and not IN_FULL)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
