"""Messages that the first version left in the queues. Their payloads are in their stream entries."""

from hashlib import sha256
from uuid import uuid4

import redis

from tests.e2e.conftest import Stack
from tests.e2e.product import VERIFIED, assert_captioned, photo

UPLOADS, CAPTIONED = "{captiond:0}:uploads", "{captiond:0}:captioned"
RECEIVED_AT = b"1795473060123456"


def put(client: redis.Redis, stream: str, state: str, fields: dict[str, bytes]) -> str:
    """Add an entry with the bookkeeping of the first version's script."""
    image_id = str(uuid4())
    entry = {"v": b"1", "id": image_id.encode(), **fields}
    size = sum(len(name) + len(value) for name, value in entry.items())
    with client.pipeline() as pipeline:
        pipeline.hset(
            f"{{captiond:0}}:job:{image_id}",
            mapping={"digest": b"", "state": state, "note": b"", "keep_ms": b"600000"},
        )
        pipeline.hincrby("{captiond:0}:bytes", stream, size)
        pipeline.hincrby("{captiond:0}:totals", "accepted", 1)
        pipeline.xadd(stream, entry)  # type: ignore[arg-type] # its type is invariant
        pipeline.execute()
    return image_id


def test_messages_of_the_first_version_are_processed(stack: Stack) -> None:
    upload, body = photo(), photo(640, 496)
    pipeline, client = stack.pipeline, stack.redis.client()
    about = {"received_at": RECEIVED_AT, "description": "до обновления".encode()}
    ready = {
        **about,
        "width": b"640",
        "height": b"496",
        "sha256": sha256(body).digest(),
        "upload_sha256": sha256(upload).digest(),
    }
    queued = put(client, UPLOADS, "queued", {**about, "sha256": sha256(upload).digest(), "body": upload})
    captioned = put(client, CAPTIONED, "captioned", {**ready, "body": body})
    reencoded = {**ready, "redraw_reason": b"progressive", "original": upload, "body": body}
    with_original = put(client, CAPTIONED, "captioned", reencoded)

    for image_id in (queued, captioned, with_original):
        pipeline.await_status(image_id, "stored")

    assert_captioned(pipeline.client.get(f"/api/images/{queued}").content, upload)
    assert pipeline.client.get(f"/api/images/{queued}/original").content == upload
    assert pipeline.client.get(f"/api/images/{captioned}").content == body
    assert pipeline.client.get(f"/api/images/{with_original}/original").content == upload
    assert pipeline.client.get(f"/api/images/{with_original}/metadata").json()["reencode_reason"] == "progressive"
    assert client.keys("{captiond:0}:body:*") == []
    assert {int(size) for size in client.hvals("{captiond:0}:bytes")} <= {0}
    assert pipeline.place.run("verify").stdout == VERIFIED


def test_dead_letter_of_the_first_version_can_be_retried(stack: Stack) -> None:
    """An earlier release rejected these messages."""
    upload, pipeline, client = photo(), stack.pipeline, stack.redis.client()
    fields = {
        "received_at": RECEIVED_AT,
        "description": b"x",
        "sha256": sha256(upload).digest(),
        "body": upload,
        "dead_error": b"MalformedMessage: message format b'1' is not 2",
    }
    image_id = put(client, f"{UPLOADS}:dead", "failed", fields)

    assert "1 dead letter returned" in pipeline.place.run("dead", "retry", "--all").stdout

    pipeline.await_status(image_id, "stored")
    assert pipeline.client.get(f"/api/images/{image_id}/original").content == upload
