"""Camera events through the whole pipeline, including repeated events after a crash."""

import httpx

from tests.e2e.conftest import Stack
from tests.e2e.product import TAKEOVER_SECONDS, Pipeline, assert_captioned, wait_until
from tests.integration.api.camera_requests import PLATE, SCENE, dahua, hikvision

REQUESTS = {"hikvision": hikvision(), "dahua": dahua()}


def push(pipeline: Pipeline, source: str) -> httpx.Response:
    head, _, body = REQUESTS[source].partition(b"\r\n\r\n")
    media_type = head.decode().partition("Content-Type: ")[2].partition("\r\n")[0]
    response = pipeline.client.post(f"/api/ingest/{source}", content=body, headers={"Content-Type": media_type})
    assert response.is_success, response.text
    return response


def push_all(pipeline: Pipeline) -> None:
    for source in REQUESTS:
        push(pipeline, source)


def test_events_repeated_after_crashes_are_archived_once(stack: Stack) -> None:
    pipeline = stack.pipeline
    before = set(pipeline.listed())

    push_all(pipeline)
    pipeline.kill("api")
    stack.redis.restart()
    pipeline.start("api")
    pipeline.await_ready()
    push_all(pipeline)

    wait_until(lambda: len(set(pipeline.listed()) - before) == 4, TAKEOVER_SECONDS, "all pictures are archived")
    push_all(pipeline)
    images = pipeline.client.get("/api/images", params={"label": "plate:А001МР77", "limit": "10"}).json()
    assert {image["labels"]["picture"] for image in images} == {"detection", "plate", "normal", "cutout"}
    assert set(pipeline.listed()) - before == {image["id"] for image in images}
    for image in images:
        picture = SCENE if image["labels"]["picture"] in {"detection", "normal"} else PLATE
        assert (image["camera"], image["captured_at"]) == ("Ленина 12", "2026-11-26T07:45:01.000000Z")
        assert_captioned(pipeline.client.get(f"/api/images/{image['id']}").content, picture)
        assert pipeline.client.get(f"/api/images/{image['id']}/original").content == picture
