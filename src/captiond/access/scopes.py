"""What a key allows."""

from collections.abc import Iterable
from enum import StrEnum


class Scope(StrEnum):
    """A kind of requests. No scope includes another one."""

    UPLOAD = "upload"
    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"


def parse_scopes(names: Iterable[str]) -> frozenset[Scope]:
    """Return the scopes with these names. Raises ValueError for an unknown name."""
    scopes = set[Scope]()
    for name in names:
        try:
            scopes.add(Scope(name))
        except ValueError as error:
            raise ValueError(f"no scope {name!r}; use {', '.join(Scope)}") from error
    return frozenset(scopes)
