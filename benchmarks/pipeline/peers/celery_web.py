"""The upload form that enqueues to Celery."""

from benchmarks.pipeline.peers.celery_pipeline import enqueue
from benchmarks.pipeline.peers.form import upload_app

app = upload_app(enqueue)
