"""The upload form that enqueues to Dramatiq."""

from benchmarks.pipeline.peers.dramatiq_pipeline import enqueue
from benchmarks.pipeline.peers.form import upload_app

app = upload_app(enqueue)
