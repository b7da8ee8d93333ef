"""The audit log in the database of the archive: entries are added, read, and deleted after their retention."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self
from uuid import UUID

from sqlalchemy import ColumnElement, Engine, delete, insert, or_, select
from uuid_utils.compat import uuid7

from captiond.archive.sql.audit_log import (
    ACTION_LENGTH,
    ACTOR_LENGTH,
    ADDRESS_LENGTH,
    AUDIT_LOG,
    DETAIL_LENGTH,
    RESULT_LENGTH,
)
from captiond.archive.sql.engine import opened_engine, translate_database_errors
from captiond.archive.sql.limits import WORKER_LIMITS, TimeLimits
from captiond.names import normalize_name

_ROWS_PER_STATEMENT = 500


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to which image, when, and with which result. No field contains a secret.

    `actor` is the name of the API key `key_id`, or that of a user; None for a client without a key. `result` is an HTTP
    status, an FTP reply code, or the result of a command.
    """

    action: str
    result: str
    actor: str | None = None
    key_id: UUID | None = None
    address: str | None = None
    image_id: UUID | None = None
    detail: str | None = None
    id: UUID = field(default_factory=uuid7)
    recorded_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """A page of entries, the newest first. `who` is a name, the id of a key, or an address."""

    limit: int = 100
    before: UUID | None = None
    since: datetime | None = None
    who: str | None = None
    action: str | None = None
    image_id: UUID | None = None


class AuditStore:
    """The rows of the audit log. Every method raises ArchiveUnavailable while the database cannot be used."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    @contextmanager
    def open(cls, database_url: str, limits: TimeLimits = WORKER_LIMITS) -> Iterator[Self]:
        """Open the store; creates nothing. Raises ValueError for an unsupported URL."""
        with opened_engine(database_url, limits) as engine:
            yield cls(engine)

    def add(self, entries: Sequence[AuditEntry], *, again: bool = False) -> None:
        """Add entries in one transaction. With `again`, an earlier attempt may have stored them."""
        with translate_database_errors(), self._engine.begin() as connection:
            for start in range(0, len(entries), _ROWS_PER_STATEMENT):
                rows = [_to_row(entry) for entry in entries[start : start + _ROWS_PER_STATEMENT]]
                if again:
                    ids = [row["id"] for row in rows]
                    known = set(connection.scalars(select(AUDIT_LOG.c.id).where(AUDIT_LOG.c.id.in_(ids))))
                    rows = [row for row in rows if row["id"] not in known]
                if rows:
                    connection.execute(insert(AUDIT_LOG), rows)

    def page(self, query: AuditQuery) -> list[AuditEntry]:
        """Return entries, the newest first."""
        statement = select(AUDIT_LOG).where(*_conditions(query)).order_by(AUDIT_LOG.c.id.desc()).limit(query.limit)
        with translate_database_errors(), self._engine.connect() as connection:
            return [AuditEntry(**row) for row in connection.execute(statement).mappings()]

    def delete_before(self, time: datetime) -> int:
        """Delete entries older than a time, which must be more than a day ago. Returns their number.

        In short transactions, which do not delay those that add entries.
        """
        ids = select(AUDIT_LOG.c.id).where(AUDIT_LOG.c.id < _first_id(time)).order_by(AUDIT_LOG.c.id)
        deleted = 0
        while True:
            with translate_database_errors(), self._engine.begin() as connection:
                found = connection.scalars(ids.limit(_ROWS_PER_STATEMENT)).all()
                if found:
                    connection.execute(delete(AUDIT_LOG).where(AUDIT_LOG.c.id <= found[-1]))
            deleted += len(found)
            if len(found) < _ROWS_PER_STATEMENT:
                return deleted


def _conditions(query: AuditQuery) -> Iterator[ColumnElement[bool]]:
    columns = AUDIT_LOG.c
    if query.before:
        yield columns.id < query.before
    if query.since:
        yield columns.id >= _first_id(query.since)
    if query.who is not None:
        who = _storable(query.who, ACTOR_LENGTH) or ""
        # Earlier versions stored the names of keys as they were written.
        same = [columns.actor.in_({who, normalize_name(who)}), columns.address == who]
        with suppress(ValueError):
            same.append(columns.key_id == UUID(query.who))
        yield or_(*same)
    if query.action is not None:
        yield columns.action == _storable(query.action, ACTION_LENGTH)
    if query.image_id:
        yield columns.image_id == query.image_id


def _first_id(time: datetime) -> UUID:
    """Return the smallest UUIDv7 of a time (RFC 9562 section 5.7)."""
    milliseconds = max(int(time.timestamp() * 1000), 0)
    return UUID(int=min(milliseconds, (1 << 48) - 1) << 80)


def _to_row(entry: AuditEntry) -> dict[str, object]:
    """Return the columns. Texts from clients are cut to their length."""
    return {
        "id": entry.id,
        "recorded_at": entry.recorded_at,
        "action": _storable(entry.action, ACTION_LENGTH),
        "actor": _storable(entry.actor, ACTOR_LENGTH),
        "key_id": entry.key_id,
        "address": _storable(entry.address, ADDRESS_LENGTH),
        "image_id": entry.image_id,
        "result": _storable(entry.result, RESULT_LENGTH),
        "detail": _storable(entry.detail, DETAIL_LENGTH),
    }


def _storable(text: str | None, length: int) -> str | None:
    """Cut a text, and replace what UTF-8 or PostgreSQL cannot store: lone surrogates and U+0000."""
    if text is None or (len(text) <= length and text.isascii() and text.isprintable()):
        return text
    return text[:length].encode("utf-8", "replace").decode().replace("\0", "?")
