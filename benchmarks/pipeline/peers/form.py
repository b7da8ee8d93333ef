"""The upload form of the peers, as in the FastAPI tutorial."""

from collections.abc import Callable
from typing import Annotated
from uuid import uuid4

from benchmarks.pipeline.peers.store import create_tables
from fastapi import FastAPI, Form, UploadFile

Enqueue = Callable[[str, bytes, str], object]


def upload_app(enqueue: Enqueue) -> FastAPI:
    """Create an app that calls `enqueue` with an id, a JPEG and its description, in a thread."""
    create_tables()
    app = FastAPI()

    @app.post("/images", status_code=202)
    def accept(image: UploadFile, description: Annotated[str, Form(min_length=1, max_length=200)]) -> dict[str, str]:
        image_id = str(uuid4())
        enqueue(image_id, image.file.read(), description)
        return {"id": image_id, "status": "queued"}

    return app
