"""The order of those that are measured in turn."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def rotate(cases: Sequence[T], round_: int) -> list[T]:
    """Whoever comes first in one round comes last in the next: nobody always has the same one before it."""
    first = round_ % len(cases)
    return [*cases[first:], *cases[:first]]
