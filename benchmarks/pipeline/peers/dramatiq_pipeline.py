"""Dramatiq on Redis: two actors on two queues. Late acknowledgement is its default.

Its JSON serializer does not support bytes, hence Base64.
"""

from base64 import b64decode, b64encode

import dramatiq
from benchmarks.captioners.pillow import caption_with_pillow
from benchmarks.pipeline.peers.settings import REDIS_URL
from benchmarks.pipeline.peers.store import store
from dramatiq.brokers.redis import RedisBroker

dramatiq.set_broker(RedisBroker(url=REDIS_URL))  # type: ignore[no-untyped-call]  # one hint short of typed
add_caption = caption_with_pillow()


@dramatiq.actor(queue_name="uploads")
def caption(image_id: str, jpeg: str, description: str) -> None:
    captioned = add_caption(b64decode(jpeg), description)
    archive.send(image_id, b64encode(captioned).decode(), description)


@dramatiq.actor(queue_name="captioned")
def archive(image_id: str, captioned: str, description: str) -> None:
    store(image_id, description, b64decode(captioned))


def enqueue(image_id: str, jpeg: bytes, description: str) -> None:
    caption.send(image_id, b64encode(jpeg).decode(), description)
