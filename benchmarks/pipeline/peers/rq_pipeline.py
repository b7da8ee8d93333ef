"""RQ: two jobs on two queues. Arguments are pickled."""

from benchmarks.captioners.pillow import caption_with_pillow
from benchmarks.pipeline.peers.settings import REDIS_URL
from benchmarks.pipeline.peers.store import store
from redis import Redis
from rq import Queue

redis = Redis.from_url(REDIS_URL)
uploads = Queue("uploads", connection=redis)
captioned = Queue("captioned", connection=redis)

add_caption = caption_with_pillow()


def caption(image_id: str, jpeg: bytes, description: str) -> None:
    captioned.enqueue(archive, image_id, add_caption(jpeg, description), description)


def archive(image_id: str, jpeg: bytes, description: str) -> None:
    store(image_id, description, jpeg)


def enqueue(image_id: str, jpeg: bytes, description: str) -> None:
    uploads.enqueue(caption, image_id, jpeg, description)
