"""Webhooks in the database of the archive, for all processes of a deployment."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from sqlalchemy import Engine, RowMapping, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from captiond.archive.sql.engine import opened_engine, translate_database_errors
from captiond.archive.sql.limits import WORKER_LIMITS, TimeLimits
from captiond.archive.sql.webhooks import RESULT_LENGTH, WEBHOOKS
from captiond.names import normalize_name
from captiond.webhooks import EventType, Webhook

# Each event becomes a message per webhook.
MAX_WEBHOOKS = 20


class TooManyWebhooks(Exception):
    """The database has the maximum number of webhooks."""

    def __init__(self) -> None:
        super().__init__(f"there are {MAX_WEBHOOKS} webhooks, the maximum; delete one first")


class WebhookNameTaken(Exception):
    """Another webhook has the name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"a webhook named {name!r} exists; choose another name, or delete it first")


class SecretsChanged(Exception):
    """Another process has replaced a secret of the webhook, or deleted the webhook, since it was read."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the secrets of the webhook {name!r} have changed meanwhile; repeat the command")


@dataclass(frozen=True, slots=True)
class Attempts:
    """The attempts for one webhook since the last report. `failures` counts those after the last success."""

    webhook_id: UUID
    attempted_at: datetime
    result: str
    succeeded_at: datetime | None
    failures: int


class WebhookStore:
    """The rows of the webhooks. Every method raises ArchiveUnavailable while the database cannot be used."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    @contextmanager
    def open(cls, database_url: str, limits: TimeLimits = WORKER_LIMITS) -> Iterator[Self]:
        """Open the store; creates nothing. Raises ValueError for an unsupported URL."""
        with opened_engine(database_url, limits) as engine:
            yield cls(engine)

    def create(self, webhook: Webhook) -> None:
        """Add a webhook. Raises WebhookNameTaken and TooManyWebhooks."""
        try:
            with translate_database_errors(), self._engine.begin() as connection:
                names = connection.scalars(select(WEBHOOKS.c.name)).all()
                if webhook.name in map(normalize_name, names):
                    raise WebhookNameTaken(webhook.name)
                if len(names) >= MAX_WEBHOOKS:
                    raise TooManyWebhooks
                connection.execute(
                    insert(WEBHOOKS).values(
                        id=webhook.id,
                        name=webhook.name,
                        url=webhook.url,
                        secrets=" ".join(webhook.secrets),
                        events=" ".join(sorted(webhook.events)),
                        created_at=webhook.created_at,
                    )
                )
        except IntegrityError as error:
            raise WebhookNameTaken(webhook.name) from error

    def load_all(self) -> list[Webhook]:
        """Return all webhooks, the oldest first."""
        with translate_database_errors(), self._engine.connect() as connection:
            rows = connection.execute(select(WEBHOOKS).order_by(WEBHOOKS.c.created_at, WEBHOOKS.c.id))
            return [_read(row) for row in rows.mappings()]

    def delete(self, webhook_id: UUID) -> bool:
        """Delete a webhook. Returns False if it does not exist."""
        with translate_database_errors(), self._engine.begin() as connection:
            return connection.execute(delete(WEBHOOKS).where(WEBHOOKS.c.id == webhook_id)).rowcount == 1

    def replace_secrets(self, webhook: Webhook, secrets: Iterable[str]) -> None:
        """Replace the secrets, the newest first. Raises SecretsChanged if the row has others than `webhook`."""
        is_unchanged = (WEBHOOKS.c.id == webhook.id) & (WEBHOOKS.c.secrets == " ".join(webhook.secrets))
        with translate_database_errors(), self._engine.begin() as connection:
            replaced = connection.execute(update(WEBHOOKS).where(is_unchanged).values(secrets=" ".join(secrets)))
            if replaced.rowcount != 1:
                raise SecretsChanged(webhook.name)

    def disable(self, webhook_id: UUID, reason: str) -> None:
        """Stop the deliveries of a webhook."""
        self._update(webhook_id, disabled_reason=reason[:RESULT_LENGTH])

    def enable(self, webhook_id: UUID) -> None:
        """Continue the deliveries of a webhook."""
        self._update(webhook_id, disabled_reason=None, failures=0)

    def record_attempts(self, attempts: Iterable[Attempts]) -> None:
        """Store the last results, and count failures."""
        with translate_database_errors(), self._engine.begin() as connection:
            # In this order, so that two processes cannot deadlock.
            for each in sorted(attempts, key=lambda attempt: attempt.webhook_id):
                values: dict[str, object] = {"attempted_at": each.attempted_at, "result": each.result[:RESULT_LENGTH]}
                if each.succeeded_at:
                    values |= {"succeeded_at": each.succeeded_at, "failures": each.failures}
                else:
                    values["failures"] = WEBHOOKS.c.failures + each.failures
                connection.execute(update(WEBHOOKS).where(WEBHOOKS.c.id == each.webhook_id).values(**values))

    def _update(self, webhook_id: UUID, **values: object) -> None:
        with translate_database_errors(), self._engine.begin() as connection:
            connection.execute(update(WEBHOOKS).where(WEBHOOKS.c.id == webhook_id).values(**values))


def _read(row: RowMapping) -> Webhook:
    # A newer version may have more events.
    events = frozenset(EventType(name) for name in row["events"].split() if name in set(EventType))
    same = ("id", "url", "created_at", "disabled_reason", "attempted_at", "succeeded_at", "result", "failures")
    return Webhook(
        # Earlier versions stored names as they were written.
        name=normalize_name(row["name"]),
        secrets=tuple(row["secrets"].split()),
        events=events,
        **{name: row[name] for name in same},
    )
