"""Creates and deletes webhooks: a row in the database, and a subscriber of the queues.

The row comes first and goes first. A subscriber without a row was therefore deleted, and one that is missing is added
by `synchronise`, also after the data of Redis were lost.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from urllib.parse import urlsplit
from uuid import UUID

from uuid_utils.compat import uuid7

from captiond.archive.webhooks import WebhookStore
from captiond.names import normalize_name
from captiond.webhooks import EventType, Webhook, check_name, check_url, make_secret
from captiond.workqueue.admin import Subscribers
from captiond.workqueue.errors import QueueUnavailable


class Webhooks:
    """The webhooks of a deployment. Every method raises ArchiveUnavailable and QueueUnavailable."""

    def __init__(self, store: WebhookStore, subscribers: Subscribers) -> None:
        self.store = store
        self._subscribers = subscribers

    def create(self, name: str, url: str, events: Collection[EventType]) -> Webhook:
        """Add a webhook with a new secret. It gets every event after this call.

        Raises InvalidWebhook, WebhookNameTaken, TooManyWebhooks.
        """
        webhook = Webhook(
            id=uuid7(),
            name=check_name(name),
            url=check_url(url),
            secrets=(make_secret(),),
            events=frozenset(events),
            created_at=datetime.now(UTC),
        )
        self.store.create(webhook)
        try:
            self._subscribers.set(str(webhook.id), webhook.topics)
        except QueueUnavailable:
            self.store.delete(webhook.id)
            raise
        return webhook

    def find(self, name: str) -> Webhook | None:
        """Return the webhook with this id or name."""
        found = self.store.load_all()
        wanted = normalize_name(name)
        return next((each for each in found if wanted in (str(each.id), each.name)), None)

    def delete(self, webhook_id: UUID) -> bool:
        """Delete a webhook; its queued messages are dropped. Returns False if it does not exist."""
        is_deleted = self.store.delete(webhook_id)
        self._subscribers.remove(str(webhook_id))
        return is_deleted

    def rotate(self, webhook: Webhook, *, only_newest: bool = False) -> str:
        """Add a new secret and return it. Deliveries are signed with it and with the last one.

        With `only_newest`, it replaces the newest secret, and the one before remains. Raises SecretsChanged.
        """
        secret = make_secret()
        kept = webhook.secrets[1:2] if only_newest else webhook.secrets[:1]
        self.store.replace_secrets(webhook, (secret, *kept))
        return secret

    def disable(self, webhook: Webhook, reason: str) -> None:
        """Stop the deliveries of a webhook."""
        self.store.disable(webhook.id, reason)
        self._subscribers.remove(str(webhook.id))

    def enable(self, webhook: Webhook) -> None:
        """Continue the deliveries of a webhook with the next event."""
        self.store.enable(webhook.id)
        self._subscribers.set(str(webhook.id), [event.topic for event in webhook.events])

    def synchronise(self) -> list[Webhook]:
        """Make the subscribers equal to the rows. Returns all webhooks."""
        subscribed = self._subscribers.read()  # before the rows: what lacks a row then was deleted
        webhooks = self.store.load_all()
        wanted = {str(webhook.id): webhook.topics for webhook in webhooks if webhook.topics}
        for name in subscribed.keys() - wanted.keys():
            self._subscribers.remove(name)
        for name, topics in wanted.items():
            if subscribed.get(name) != topics:
                self._subscribers.set(name, topics)
        return webhooks


def summarise(webhook: Webhook) -> str:
    """Return what the audit log has about a webhook. The path of the URL may contain a token."""
    events = ",".join(sorted(webhook.events))
    return f"{webhook.id} {webhook.name} events={events} host={urlsplit(webhook.url).hostname}"
