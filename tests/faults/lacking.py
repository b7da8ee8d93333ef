"""What this machine does not have is said aloud, and fails where everything is to be there."""

import os
from typing import NoReturn

import pytest


def lacking(what: str) -> NoReturn:
    """Skip the test with a loud word; in CI fail it."""
    reason = f"NOT TESTED: {what}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
