"""Refuses JSON objects with a name twice. Python would use the last value and drop the others."""

from collections.abc import Sequence
from typing import Any


class RepeatedMember(ValueError):
    """An object has a name twice."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the name {name!r} is repeated")
        self.name = name


def unique_members(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object, as the `object_pairs_hook` of `json.loads`. Raises RepeatedMember."""
    members = dict(pairs)
    if len(members) < len(pairs):
        found = set()
        for name, _ in pairs:
            if name in found:
                raise RepeatedMember(name)
            found.add(name)
    return members
