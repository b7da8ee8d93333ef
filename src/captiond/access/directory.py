"""All valid keys in the memory of one process. A thread reads them again every two seconds.

A request is checked against this copy and never waits for the database, except for a key that the copy lacks: it waits
for the next read, which all such requests share. However many keys a client guesses, the database is read at most twice
per second, and nothing is stored about them.
"""

import hmac
import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as WaitTimeout
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Self
from uuid import UUID

from captiond.access.keys import ApiKey
from captiond.access.principal import Principal
from captiond.access.sessions import Session

REFRESH_SECONDS = 2.0
MIN_INTERVAL_SECONDS = 0.5
# While the database is unavailable, the last copy stays valid for this time.
MAX_AGE_SECONDS = 60.0
USE_INTERVAL_SECONDS = 60.0
# For the first read, so that the first requests after a start are not refused.
START_SECONDS = 3.0

logger = logging.getLogger(__name__)


class KeysUnavailable(Exception):
    """The keys could not be read for too long, so that no key can be checked."""

    def __init__(self) -> None:
        super().__init__("the API keys cannot be read")


@dataclass(frozen=True, slots=True)
class _Copy:
    read_at: float = -math.inf  # when the read began, in monotonic seconds
    by_digest: Mapping[bytes, ApiKey] = field(default_factory=dict)
    by_id: Mapping[UUID, ApiKey] = field(default_factory=dict)


class KeyDirectory:
    """The valid keys. Thread-safe. Reads them within its context.

    `load` returns the keys that are neither revoked nor expired, and `record_uses` stores the times of last use. Both
    may raise any exception, which counts as an outage.
    """

    def __init__(
        self,
        load: Callable[[], Iterable[ApiKey]],
        record_uses: Callable[[Mapping[UUID, datetime]], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._record_uses = record_uses
        self._clock = clock
        self._copy = _Copy()
        self._uses: dict[UUID, float] = {}
        self._state = threading.Condition()
        self._stopping = False
        self._waiting: Future[bool] | None = None
        self._problem: str | None = None
        self._thread = threading.Thread(target=self._run, name="api-keys", daemon=True)

    def __enter__(self) -> Self:
        first = self.next_read()
        self._thread.start()
        with suppress(WaitTimeout):
            first.result(START_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._state:
            self._stopping = True
            self._state.notify()
        self._thread.join(START_SECONDS)  # a database that hangs does not delay the exit

    def find(self, digest: bytes) -> ApiKey | None:
        """Return the valid key with this digest, and record its use. Raises KeysUnavailable."""
        copy = self._current()
        key = copy.by_digest.get(digest)
        now = time.time()
        if key is None or not hmac.compare_digest(key.digest, digest) or key.has_expired(now):
            return None
        self._uses[key.id] = now
        return key

    def find_session(self, session: Session, secret: bytes) -> ApiKey | None:
        """Return the valid key of a session, and record its use; None for an invalid one. Raises KeysUnavailable.

        `secret` is that of the server.
        """
        key = self._current().by_id.get(session.key_id)
        now = time.time()
        if key is None or not session.is_valid_for(key, secret, now) or key.has_expired(now):
            return None
        self._uses[key.id] = now
        return key

    def is_valid(self, principal: Principal) -> bool:
        """Return whether a client that was accepted earlier would still be accepted."""
        if principal.key_id is None:
            return True
        try:
            key = self._current().by_id.get(principal.key_id)
        except KeysUnavailable:
            return False
        return key is not None and not key.has_expired(time.time())

    def next_read(self) -> Future[bool]:
        """Return a future of the next read that begins after this call: whether it succeeds. Do not cancel it."""
        with self._state:
            if self._waiting is None:
                self._waiting = Future()
                self._state.notify()
            return self._waiting

    def _current(self) -> _Copy:
        copy = self._copy
        if self._clock() - copy.read_at > MAX_AGE_SECONDS:
            raise KeysUnavailable
        return copy

    def _run(self) -> None:
        while not self._stopping:
            with self._state:
                self._state.wait_for(lambda: self._stopping or self._waiting is not None, REFRESH_SECONDS)
                waiting, self._waiting = self._waiting, None
            succeeded = self._read()
            if waiting is not None:
                waiting.set_result(succeeded)
            with self._state:
                self._state.wait_for(lambda: self._stopping, MIN_INTERVAL_SECONDS)

    def _read(self) -> bool:
        read_at = self._clock()
        was_read = False
        try:
            keys = list(self._load())
            self._copy = _Copy(read_at, {key.digest: key for key in keys}, {key.id: key for key in keys})
            was_read = True
            self._write_uses()
        except Exception as error:  # noqa: BLE001 - whatever it raises, the database cannot be used
            self._report(str(error))
        else:
            self._report(None)
        return was_read

    def _report(self, problem: str | None) -> None:
        """Log an outage at its start and at its end."""
        if problem and not self._problem:
            logger.error("cannot read or update API keys: %s", problem)
        elif self._problem and not problem:
            logger.info("API keys are read again: %s", self._problem)
        self._problem = problem

    def _write_uses(self) -> None:
        """Store the last use of each key, at most once per minute and key."""
        now, due = time.time(), dict[UUID, datetime]()
        for key_id, used in list(self._uses.items()):
            key = self._copy.by_id.get(key_id)
            if key is None:
                del self._uses[key_id]
                continue
            stored = key.last_used_at.timestamp() if key.last_used_at else -math.inf
            if used > stored and now - stored >= USE_INTERVAL_SECONDS:
                due[key_id] = datetime.fromtimestamp(used, UTC)
        if due:
            self._record_uses(due)
