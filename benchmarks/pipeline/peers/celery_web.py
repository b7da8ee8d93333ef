"""The upload form in front of Celery."""

from benchmarks.pipeline.peers.celery_pipeline import enqueue
from benchmarks.pipeline.peers.form import upload_app

app = upload_app(enqueue)
