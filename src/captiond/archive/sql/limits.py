"""Time limits of database connections."""

from dataclasses import dataclass

_MAX_LOCK_SECONDS = 10


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Seconds until an attempt to connect, and a statement, are given up."""

    connect_seconds: int
    statement_seconds: int

    @property
    def lock_seconds(self) -> int:
        """How long a statement waits for locks of other transactions."""
        return min(_MAX_LOCK_SECONDS, self.statement_seconds)

    @property
    def reply_seconds(self) -> int:
        """How long the client waits for a reply: longer than the server takes to cancel a statement."""
        return self.statement_seconds + 2


# A request has 10 s: a check of the pooled connection that hangs, and a new connection.
API_LIMITS = TimeLimits(connect_seconds=3, statement_seconds=4)
WORKER_LIMITS = TimeLimits(connect_seconds=5, statement_seconds=18)
# Altering or indexing a table of millions of rows takes long and must not be cut.
MIGRATION_LIMITS = TimeLimits(connect_seconds=5, statement_seconds=24 * 3600)
