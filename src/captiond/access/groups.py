"""The scopes of the groups that a trusted proxy states."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from captiond.access.principal import Principal
from captiond.access.scopes import Scope, parse_scopes

ANY_GROUP = "*"


@dataclass(frozen=True, slots=True)
class ProxyUsers:
    """The headers of a proxy that authenticates users, in lower case, and the scopes of each group.

    The group `*` is that of every user.
    """

    user_header: bytes
    groups_header: bytes | None
    scopes: Mapping[str, frozenset[Scope]]

    @property
    def headers(self) -> frozenset[bytes]:
        """The names of the headers."""
        return frozenset(filter(None, (self.user_header, self.groups_header)))

    def identify(self, user: str, groups: str) -> Principal:
        """Return the principal of a user with groups, which are separated by commas or semicolons."""
        names = [ANY_GROUP, *(name.strip() for name in groups.replace(";", ",").split(","))]
        return Principal(user, frozenset().union(*(self.scopes.get(name, frozenset()) for name in names)))


def parse_groups(text: str) -> dict[str, frozenset[Scope]]:
    """Parse `GROUP=SCOPE+SCOPE,…`. Raises ValueError."""
    found: dict[str, frozenset[Scope]] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        # From the right, because names of LDAP groups contain `=`.
        name, equals, scopes = entry.rpartition("=")
        if not equals or not name.strip():
            raise ValueError(f"{entry!r} is not GROUP=SCOPE; use for example viewers=read,admins=read+operate")
        found[name.strip()] = parse_scopes(_split(scopes))
    return found


def _split(scopes: str) -> Iterable[str]:
    return (scope.strip() for scope in scopes.split("+"))
