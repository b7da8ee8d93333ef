"""An upload form that stores each image before it answers."""

from benchmarks.pipeline.peers.form import upload_app
from benchmarks.pipeline.peers.store import store

app = upload_app(lambda image_id, jpeg, description: store(image_id, description, jpeg))
