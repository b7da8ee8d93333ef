"""API keys in the database of the archive, for all processes of a deployment."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Self
from uuid import UUID

from sqlalchemy import ColumnElement, Engine, RowMapping, and_, insert, or_, select, update

from captiond.access import ApiKey, Principal, Scope
from captiond.archive.sql.api_keys import API_KEYS
from captiond.archive.sql.engine import opened_engine, translate_database_errors
from captiond.archive.sql.limits import WORKER_LIMITS, TimeLimits
from captiond.names import normalize_name

# Each process reads all valid keys every two seconds.
MAX_VALID_KEYS = 10_000


class TooManyKeys(Exception):
    """The database has the maximum number of valid keys."""

    def __init__(self) -> None:
        super().__init__(f"there are {MAX_VALID_KEYS} valid keys, the maximum; revoke some with `captiond keys revoke`")


class NameTaken(Exception):
    """Another valid key has the name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"a key named {name!r} exists; choose another name, or revoke it first")


class KeyStore:
    """The rows of the keys. Every method raises ArchiveUnavailable while the database cannot be used."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    @contextmanager
    def open(cls, database_url: str, limits: TimeLimits = WORKER_LIMITS) -> Iterator[Self]:
        """Open the store; creates nothing. Raises ValueError for an unsupported URL."""
        with opened_engine(database_url, limits) as engine:
            yield cls(engine)

    def create(self, key: ApiKey) -> None:
        """Add a key. Raises NameTaken and TooManyKeys."""
        principal = key.principal
        with translate_database_errors(), self._engine.begin() as connection:
            names = connection.scalars(select(API_KEYS.c.name).where(_is_valid()).limit(MAX_VALID_KEYS)).all()
            if principal.name in map(normalize_name, names):
                raise NameTaken(principal.name)
            if len(names) >= MAX_VALID_KEYS:
                raise TooManyKeys
            connection.execute(
                insert(API_KEYS).values(
                    id=key.id,
                    name=principal.name,
                    digest=key.digest,
                    scopes=" ".join(sorted(principal.scopes)),
                    camera=principal.camera,
                    networks=" ".join(map(str, principal.networks)) or None,
                    created_at=key.created_at,
                    expires_at=key.expires_at,
                )
            )

    def load_valid(self) -> list[ApiKey]:
        """Return the keys that are neither revoked nor expired."""
        with translate_database_errors(), self._engine.connect() as connection:
            rows = connection.execute(select(API_KEYS).where(_is_valid()).limit(MAX_VALID_KEYS))
            return [_read(row) for row in rows.mappings()]

    def load_all(self) -> list[ApiKey]:
        """Return all keys, the oldest first."""
        with translate_database_errors(), self._engine.connect() as connection:
            rows = connection.execute(select(API_KEYS).order_by(API_KEYS.c.created_at, API_KEYS.c.id))
            return [_read(row) for row in rows.mappings()]

    def page(self, limit: int, before: UUID | None = None, *, only_valid: bool = False) -> list[ApiKey]:
        """Return keys, the newest first: those that are older than the key `before`. Ids are UUIDv7."""
        statement = select(API_KEYS).order_by(API_KEYS.c.id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(API_KEYS.c.id < before)
        if only_valid:
            statement = statement.where(_is_valid())
        with translate_database_errors(), self._engine.connect() as connection:
            return [_read(row) for row in connection.execute(statement).mappings()]

    def find(self, key_id: UUID) -> ApiKey | None:
        """Return the key with this id, None for other ids."""
        with translate_database_errors(), self._engine.connect() as connection:
            row = connection.execute(select(API_KEYS).where(API_KEYS.c.id == key_id)).mappings().first()
            return _read(row) if row else None

    def revoke(self, key_id: UUID) -> bool:
        """Revoke a key. Returns False if it does not exist or is revoked already."""
        statement = update(API_KEYS).where(API_KEYS.c.id == key_id, API_KEYS.c.revoked_at.is_(None))
        with translate_database_errors(), self._engine.begin() as connection:
            return connection.execute(statement.values(revoked_at=datetime.now(UTC))).rowcount == 1

    def record_uses(self, uses: Mapping[UUID, datetime]) -> None:
        """Store the times of last use. A later time that is stored already stays."""
        with translate_database_errors(), self._engine.begin() as connection:
            # In this order, so that two processes cannot deadlock.
            for key_id, used_at in sorted(uses.items()):
                is_later = or_(API_KEYS.c.last_used_at.is_(None), API_KEYS.c.last_used_at < used_at)
                statement = update(API_KEYS).where(API_KEYS.c.id == key_id, is_later)
                connection.execute(statement.values(last_used_at=used_at))


def _is_valid() -> ColumnElement[bool]:
    expires_at = API_KEYS.c.expires_at
    return and_(API_KEYS.c.revoked_at.is_(None), or_(expires_at.is_(None), expires_at > datetime.now(UTC)))


def _read(row: RowMapping) -> ApiKey:
    # A scope of a newer version is not granted.
    scopes = frozenset(Scope(name) for name in row["scopes"].split() if name in set(Scope))
    networks = tuple(ip_network(text) for text in (row["networks"] or "").split())
    # Earlier versions stored names as they were written.
    camera = None if row["camera"] is None else normalize_name(row["camera"])
    principal = Principal(normalize_name(row["name"]), scopes, row["id"], camera, networks)
    columns = {name: row[name] for name in ("digest", "created_at", "expires_at", "last_used_at", "revoked_at")}
    return ApiKey(principal=principal, **columns)
