"""Fixtures of the tests that run `captiond up`."""

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def without_coverage() -> Iterator[None]:
    """Measure no coverage in the processes of stacks: it is a third of their start, and other tests run their code."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith("COVERAGE_PROCESS"):
                patch.delenv(name)
        yield
