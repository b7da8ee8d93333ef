"""Suites that `make test` deselects. An environment variable selects their tier."""

import os
from pathlib import Path

import pytest


def deselect(config: pytest.Config, items: list[pytest.Item], suite: Path, tier: str) -> None:
    """Deselect the tests in the folder `suite`, unless the variable `tier` is set.

    Tests marked `full` are selected in the tier `full` only.
    """
    chosen = os.environ.get(tier)
    ours = [item for item in items if item.path.is_relative_to(suite)]
    left_out = [item for item in ours if chosen is None or (item.get_closest_marker("full") and chosen != "full")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
