"""The pipeline as data: the queues, and which queue each service reads and writes.

upload endpoint -> queue `uploads` -> captioner -> queue `captioned` -> archiver -> archive -> image endpoint
An image that is stored or has failed also leads to messages of queue `webhooks`, which the notifier delivers.
"""

from captiond.workqueue import Route

UPLOADS = "uploads"
CAPTIONED = "captioned"

WEBHOOKS = "webhooks"
"""The queue of notifications: an event of an image, for one webhook."""
WEBHOOK_RESULT = "webhook:"
"""Prefix of the counters of attempts to deliver, by result. The API returns the counters as metrics."""
WEBHOOK_EVENTS_LOST = "overflowed"
"""The counter of events that are neither delivered nor dead letters, which the queues also count when one is full."""

CAPTIONER_ROUTE = Route(UPLOADS, CAPTIONED, WEBHOOKS)
ARCHIVER_ROUTE = Route(CAPTIONED, None, WEBHOOKS)
NOTIFIER_ROUTE = Route(WEBHOOKS)

# The name under which the archiver reports problems.
ARCHIVER = "archiver"
DAMAGED = "damaged"
"""The counter of damaged photos: the captioner increments it, the API returns it as a metric. Also a topic of the
archiver."""
DELETED, DELETED_BYTES = "deleted", "deleted_bytes"
"""The counters of deleted images and of the sizes of their captioned files. The API returns them as metrics."""
FTP_REJECTED = "ftp_rejected:"
"""Prefix of the counters of FTP refusals, by reply code. The API returns the counters as metrics."""

QUEUES = (UPLOADS, CAPTIONED)
"""In pipeline order: an image moves from each queue to the next."""
