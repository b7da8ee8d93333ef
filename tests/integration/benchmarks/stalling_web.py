"""An upload form that accepts images and never stores them."""

from benchmarks.pipeline.peers.form import upload_app


def discard(image_id: str, jpeg: bytes, description: str) -> None:
    del image_id, jpeg, description


app = upload_app(discard)
