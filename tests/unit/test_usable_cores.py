import os

import pytest

from captiond.cli.services import usable_cores


def test_number_of_cores_is_known_without_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)

    assert usable_cores() == os.cpu_count()
