"""The seals to which the proofs of an export lead, and the public keys of their signatures."""

import json
from collections.abc import Mapping
from typing import Protocol

from captiond.operations.export.spool import Spool

SEALS, PUBLIC_KEYS = "seals.json", "jwks.json"


class SealSource(Protocol):
    """Where the seals come from. A call that raised an error may be repeated."""

    def seals_after(self, number: int) -> list[Mapping[str, object]]:
        """Return the next seals as `GET /api/seals` does, in the order of their numbers; none at the end."""
        ...

    def public_keys(self) -> Mapping[str, object]:
        """Return the JWK Set of the server."""
        ...


class SealChain:
    """Collects all seals from the oldest one of an export to the newest one: each has the hash of the one before."""

    def __init__(self, source: SealSource) -> None:
        self._source = source
        self._oldest: int | None = None
        self._last: int | None = None
        self._seals, self._keys = Spool(), Spool()

    def note(self, number: int) -> None:
        """Include the seal with this number."""
        self._oldest = number if self._oldest is None else min(self._oldest, number)

    def read(self) -> bool:
        """Read the next seals, and at the end the public keys. Returns False if everything was read before."""
        if self._keys.size_bytes:
            return False
        after = self._last if self._last is not None or self._oldest is None else self._oldest - 1
        page = [] if after is None else self._source.seals_after(after)
        keys = None if page else self._source.public_keys()
        for seal in page:
            line = json.dumps(seal, ensure_ascii=False, separators=(",", ":"))
            self._seals.write(f"{',' if self._seals.size_bytes else '['}\n{line}".encode())
            self._last = int(str(seal["number"]))
        if keys is not None:
            self._seals.write(b"\n]\n" if self._seals.size_bytes else b"[]\n")
            self._keys.write(json.dumps(keys, indent=2).encode() + b"\n")
        return True

    @property
    def files(self) -> Mapping[str, Spool]:
        """The files by their names."""
        return {SEALS: self._seals, PUBLIC_KEYS: self._keys}

    def close(self) -> None:
        """Delete the temporary files."""
        self._seals.close()
        self._keys.close()
