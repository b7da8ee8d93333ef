"""The upload form that enqueues to RQ."""

from benchmarks.pipeline.peers.form import upload_app
from benchmarks.pipeline.peers.rq_pipeline import enqueue

app = upload_app(enqueue)
