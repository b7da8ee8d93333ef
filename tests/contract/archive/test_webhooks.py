"""Webhooks in each kind of database."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from captiond.archive import migrate
from captiond.archive.webhooks import SecretsChanged, WebhookStore
from captiond.webhooks import EventType, Webhook, make_secret


@pytest.fixture
def webhooks(database_url: str) -> Iterator[WebhookStore]:
    migrate(database_url)
    with WebhookStore.open(database_url) as store:
        yield store


def created(webhooks: WebhookStore, name: str) -> Webhook:
    webhook = Webhook(
        id=uuid4(),
        name=name,
        url="https://hooks.example.com/",
        secrets=(make_secret(), make_secret()),
        events=frozenset({EventType.FAILED}),
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    webhooks.create(webhook)
    return webhook


def test_secrets_are_replaced_unless_they_have_changed_since_they_were_read(webhooks: WebhookStore) -> None:
    webhook, other = created(webhooks, "a"), created(webhooks, "b")
    secrets = (make_secret(), webhook.secrets[0])

    webhooks.replace_secrets(webhook, secrets)
    with pytest.raises(SecretsChanged, match="the secrets of the webhook 'a' have changed"):
        webhooks.replace_secrets(webhook, (make_secret(), webhook.secrets[0]))

    assert {each.id: each.secrets for each in webhooks.load_all()} == {webhook.id: secrets, other.id: other.secrets}


def test_secrets_of_a_deleted_webhook_are_not_replaced(webhooks: WebhookStore) -> None:
    webhook = created(webhooks, "a")
    webhooks.delete(webhook.id)

    with pytest.raises(SecretsChanged):
        webhooks.replace_secrets(webhook, (make_secret(),))

    assert webhooks.load_all() == []


def test_unchanged_secrets_are_replaced_after_another_change(webhooks: WebhookStore) -> None:
    webhook = created(webhooks, "a")
    webhooks.disable(webhook.id, "the receiver answered 410 Gone")

    webhooks.replace_secrets(webhook, webhook.secrets[:1])

    assert webhooks.load_all() == [
        replace(webhook, secrets=webhook.secrets[:1], disabled_reason="the receiver answered 410 Gone")
    ]
