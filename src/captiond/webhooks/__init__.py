"""Webhooks: subscriptions, their signatures, and deliveries over HTTP to checked addresses.

Neither queues nor the database are known here.
"""

from captiond.webhooks.addresses import AddressRefused, Networks, parse_networks
from captiond.webhooks.delivery import Delivery, DeliveryFailed, Sender
from captiond.webhooks.signature import make_secret, sign
from captiond.webhooks.webhook import EventType, InvalidWebhook, Webhook, check_name, check_url

__all__ = [
    "AddressRefused",
    "Delivery",
    "DeliveryFailed",
    "EventType",
    "InvalidWebhook",
    "Networks",
    "Sender",
    "Webhook",
    "check_name",
    "check_url",
    "make_secret",
    "parse_networks",
    "sign",
]
