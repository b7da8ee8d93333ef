"""Constructs the webhooks from the settings."""

from collections.abc import Iterator
from contextlib import contextmanager

from captiond.archive import WORKER_LIMITS, TimeLimits
from captiond.archive.webhooks import WebhookStore
from captiond.operations.webhooks import Webhooks
from captiond.settings import Settings
from captiond.webhooks import Sender, parse_networks
from captiond.wiring.archives import open_database
from captiond.workqueue import Broker


@contextmanager
def open_webhooks(settings: Settings, broker: Broker, limits: TimeLimits = WORKER_LIMITS) -> Iterator[Webhooks]:
    """Open the table of webhooks. The first use connects to the database. Raises ConfigurationError."""
    with open_database(WebhookStore.open(settings.database_url.get_secret_value(), limits)) as store:
        yield Webhooks(store, broker.subscribers)


def make_sender(settings: Settings) -> Sender:
    """Return what sends deliveries to the addresses that the settings allow."""
    return Sender(parse_networks(settings.webhook_networks))
