"""The upload form that enqueues to Taskiq. It is asynchronous, as the broker is."""

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import uuid4

from benchmarks.pipeline.peers.store import create_tables
from benchmarks.pipeline.peers.taskiq_pipeline import caption, captioned, uploads
from fastapi import FastAPI, Form, UploadFile


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    del app
    create_tables()
    await uploads.startup()
    await captioned.startup()
    yield
    await captioned.shutdown()
    await uploads.shutdown()


app = FastAPI(lifespan=lifespan)


@app.post("/images", status_code=202)
async def accept(image: UploadFile, description: Annotated[str, Form(min_length=1, max_length=200)]) -> dict[str, str]:
    image_id = str(uuid4())
    await caption.kiq(image_id, b64encode(await image.read()).decode(), description)
    return {"id": image_id, "status": "queued"}
