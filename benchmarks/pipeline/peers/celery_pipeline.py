"""Celery on Redis: two chained tasks on two queues, with late acknowledgement."""

from benchmarks.captioners.pillow import caption_with_pillow
from benchmarks.pipeline.peers.settings import REDIS_URL
from benchmarks.pipeline.peers.store import store
from celery import Celery, chain  # type: ignore[import-untyped]  # has no type hints

celery = Celery("pipeline", broker=REDIS_URL.replace("unix://", "redis+socket://"))
celery.conf.task_acks_late = True
celery.conf.task_reject_on_worker_lost = True
celery.conf.task_ignore_result = True
celery.conf.task_routes = {"caption": {"queue": "uploads"}, "archive": {"queue": "captioned"}}

add_caption = caption_with_pillow()


@celery.task(name="caption")  # type: ignore[untyped-decorator]  # as above
def caption(jpeg: bytes, description: str) -> bytes:
    return add_caption(jpeg, description)


@celery.task(name="archive")  # type: ignore[untyped-decorator]  # as above
def archive(captioned: bytes, image_id: str, description: str) -> None:
    store(image_id, description, captioned)


def enqueue(image_id: str, jpeg: bytes, description: str) -> None:
    """Enqueue both tasks. Celery's JSON serializer supports bytes."""
    chain(caption.s(jpeg, description), archive.s(image_id, description)).apply_async()
