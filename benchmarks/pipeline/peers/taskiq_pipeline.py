"""Taskiq on Redis streams: a broker per queue. Late acknowledgement is its default.

Its JSON serializer does not support bytes, hence Base64.
"""

from base64 import b64decode, b64encode

from benchmarks.captioners.pillow import caption_with_pillow
from benchmarks.pipeline.peers.settings import REDIS_URL
from benchmarks.pipeline.peers.store import store
from taskiq_redis import RedisStreamBroker

uploads = RedisStreamBroker(REDIS_URL, queue_name="uploads")
captioned = RedisStreamBroker(REDIS_URL, queue_name="captioned")

add_caption = caption_with_pillow()


@captioned.task
def archive(image_id: str, jpeg: str, description: str) -> None:
    store(image_id, description, b64decode(jpeg))


@uploads.task
async def caption(image_id: str, jpeg: str, description: str) -> None:
    await archive.kiq(image_id, b64encode(add_caption(b64decode(jpeg), description)).decode(), description)
