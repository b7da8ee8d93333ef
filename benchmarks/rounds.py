"""Rounds: the order of the contenders, and progress lines."""

import sys
import time
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
_START = time.monotonic()


def rotate(cases: Sequence[T], round_: int) -> list[T]:
    """The order of a round. Each round starts with another case, so that no case always runs after the same one."""
    first = round_ % len(cases)
    return [*cases[first:], *cases[:first]]


def report_progress(text: str) -> None:
    """Print a line with the time since the start to stderr."""
    minutes, seconds = divmod(round(time.monotonic() - _START), 60)
    print(f"[{minutes:02}:{seconds:02}] {text}", file=sys.stderr, flush=True)
