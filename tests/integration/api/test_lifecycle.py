"""Deletion and holds over HTTP."""

from pathlib import Path
from uuid import UUID, uuid4

import pytest

from captiond.access import Scope
from captiond.archive import RecordRejected
from captiond.messages import CaptionedUpload, Status
from captiond.operations.deletion import ImageDeletion
from captiond.operations.retention_report import RetentionReport, store_retention_report
from captiond.operations.thumbnail_cache import FOLDERS, ThumbnailCache
from captiond.pipeline import CAPTIONED
from captiond.services.api import Thumbnailer
from captiond.services.archiver.handler import ArchiverService
from captiond.workqueue import Message
from captiond.workqueue.worker import Outcome, Reject
from tests.integration.api.serving import Api, Backends, jpeg, open_api, problem, record
from tests.servers.queues import RedisServer

PARTS = ("", "/original", "/thumbnail", "/metadata")


def store(api: Api, description: str = "gate", **headers: str) -> str:
    """Upload and archive an image. Returns its id."""
    image_id = str(api.send(jpeg(), description, **headers).json()["id"])
    api.caption()
    api.store()
    return image_id


def archive_messages(api: Api) -> list[Outcome]:
    """Process queue `captioned` with the service of the archiver."""
    outcomes: list[Outcome] = []

    def handle(message: Message) -> Outcome:
        outcomes.extend(ArchiverService(api.context.archive, lambda _: None).handle([message]))
        return outcomes[-1]

    api.work(CAPTIONED, None, handle)
    return outcomes


def finish(api: Api) -> None:
    """Do what the archiver does."""
    context = api.context
    assert ImageDeletion(context.archive, context.jobs, context.monitor, context.thumbnails.cache).finish() == {}
    assert context.archive.lifecycle.pending() == []


def test_deleted_image_is_gone(own_api: Api) -> None:
    image_id = store(own_api, "deleted soon")

    done = own_api.client.delete(f"/api/images/{image_id}", params={"reason": "order 7"})

    assert (done.status_code, done.content) == (204, b"")
    for part in PARTS:
        assert problem(own_api.client.get(f"/api/images/{image_id}{part}")) == (410, "image-deleted")
    assert own_api.client.get(f"/api/images/{image_id}/status").json() == {"id": image_id, "status": "deleted"}
    assert own_api.client.get("/api/images", params={"q": "deleted"}).json() == []
    page = own_api.client.get(f"/images/{image_id}", headers={"Accept": "text/html", "Accept-Language": "en"})
    assert page.status_code == 410
    assert "This image was deleted." in page.text
    assert problem(own_api.client.delete(f"/api/images/{image_id}")) == (410, "image-deleted")
    assert problem(own_api.client.put(f"/api/images/{image_id}/hold")) == (410, "image-deleted")
    tombstone = own_api.context.archive.lifecycle.tombstone(UUID(image_id))
    assert tombstone
    assert (tombstone.deleted_by, tombstone.reason) == ("anonymous", "order 7")


def test_files_and_thumbnail_follow(valkey: RedisServer, tmp_path: Path) -> None:
    cache = ThumbnailCache(tmp_path / "thumbnails", FOLDERS << 20)
    with open_api(Backends(valkey.url, tmp_path, thumbnails=Thumbnailer(cache=cache))) as api:
        image_id = store(api)
        assert api.client.get(f"/api/images/{image_id}/thumbnail").status_code == 200
        assert len(list(tmp_path.glob("thumbnails/*/*"))) == 1
        api.client.delete(f"/api/images/{image_id}")

        finish(api)

        assert list(tmp_path.glob("thumbnails/*/*")) == []
        assert list(tmp_path.glob("images/*/*/*/*/*.jpg")) == []


def test_thumbnail_of_an_image_that_is_deleted_meanwhile_does_not_remain(valkey: RedisServer, tmp_path: Path) -> None:
    class DeletedMeanwhile(ThumbnailCache):
        def write(self, key: str, content: bytes) -> None:
            assert api.client.delete(f"/api/images/{image_id}").status_code == 204
            finish(api)
            super().write(key, content)
            written.append(key)

    written: list[str] = []
    cache = DeletedMeanwhile(tmp_path / "thumbnails", FOLDERS << 20)
    with open_api(Backends(valkey.url, tmp_path, thumbnails=Thumbnailer(cache=cache))) as api:
        image_id = store(api)

        assert api.client.get(f"/api/images/{image_id}/thumbnail").status_code == 200

        assert len(written) == 1
        assert list(tmp_path.glob("thumbnails/*/*")) == []


def test_hold_prevents_deletion(own_api: Api) -> None:
    image_id = store(own_api)
    hold = f"/api/images/{image_id}/hold"

    assert own_api.client.put(hold, params={"reason": "case 1"}).status_code == 204
    assert own_api.client.put(hold).status_code == 204

    assert own_api.client.get(f"/api/images/{image_id}/metadata").json()["held"] is True
    assert problem(own_api.client.delete(f"/api/images/{image_id}")) == (409, "image-held")
    assert own_api.client.get(f"/api/images/{image_id}").status_code == 200
    assert [own_api.client.delete(hold).status_code for _ in range(2)] == [204, 204]
    assert own_api.client.get("/api/images").json()[0]["held"] is False
    assert own_api.client.delete(f"/api/images/{image_id}").status_code == 204


@pytest.mark.parametrize(("method", "path"), [("DELETE", ""), ("PUT", "/hold"), ("DELETE", "/hold")])
def test_only_archived_images_can_be_deleted_or_held(own_api: Api, method: str, path: str) -> None:
    def request(image_id: object, **query: str) -> tuple[int, str]:
        return problem(own_api.client.request(method, f"/api/images/{image_id}{path}", params=query))

    queued = own_api.send(jpeg(), "queued").json()["id"]
    assert request(queued) == (404, "image-in-flight")
    own_api.fail(ValueError("broken"))
    assert request(queued) == (404, "image-failed")
    assert request(uuid4()) == (404, "unknown-image")
    assert request("7") == (422, "invalid-request")


@pytest.mark.parametrize("reason", ["x" * 201, "a\0b", "a\nb"])
def test_invalid_reason_is_refused(own_api: Api, reason: str) -> None:
    image_id = store(own_api)

    refused = own_api.client.delete(f"/api/images/{image_id}", params={"reason": reason})

    assert problem(refused) == (422, "invalid-request")
    assert own_api.client.get(f"/api/images/{image_id}").status_code == 200


def test_without_keys_only_clients_on_this_host_may_delete(own_api: Api) -> None:
    image_id = store(own_api)

    for method, path in (("DELETE", ""), ("PUT", "/hold"), ("DELETE", "/hold")):
        forwarded = own_api.client.request(
            method, f"/api/images/{image_id}{path}", headers={"X-Forwarded-For": "203.0.113.7"}
        )
        assert problem(forwarded) == (403, "operations-disabled")
    assert own_api.client.get(f"/api/images/{image_id}").status_code == 200


def test_tombstone_names_the_key(valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(valkey.url, tmp_path, requires_keys=True)) as api:
        [stored] = api.archive(record(jpeg(), "gate"))
        _, token = api.create_key("anna", Scope.ADMIN)

        done = api.client.delete(f"/api/images/{stored.id}", headers={"X-API-Key": token})

        tombstone = api.context.archive.lifecycle.tombstone(stored.id)
        assert (done.status_code, tombstone and tombstone.deleted_by) == (204, "anna")


def test_repeated_upload_of_a_deleted_image_is_refused_while_the_queue_knows_its_key(own_api: Api) -> None:
    image_id = store(own_api, idempotency_key="gate-7")
    own_api.client.delete(f"/api/images/{image_id}")

    again = own_api.send(jpeg(), "gate", idempotency_key="gate-7")

    assert problem(again) == (409, "idempotency-key-of-deleted-image")
    assert own_api.client.get("/api/images").json() == []


def test_repeated_upload_of_a_deleted_image_fails_after_that(own_api: Api, valkey: RedisServer) -> None:
    image_id = store(own_api, idempotency_key="gate-8")
    own_api.client.delete(f"/api/images/{image_id}")
    [job] = valkey.client().scan_iter(match=f"*job:{image_id}")
    valkey.client().delete(job)  # it expires a day after the image was archived

    assert own_api.send(jpeg(), "gate", idempotency_key="gate-8").status_code == 202
    own_api.caption()
    [outcome] = archive_messages(own_api)

    assert isinstance(outcome, Reject)
    assert isinstance(outcome.error, RecordRejected)
    [letter] = own_api.broker.dead_letters(CAPTIONED)
    assert "was deleted at" in letter.error
    assert problem(own_api.client.get(f"/api/images/{image_id}")) == (410, "image-deleted")
    assert own_api.client.get("/api/images").json() == []


def test_message_that_is_redelivered_after_the_deletion_of_its_image_is_acknowledged(own_api: Api) -> None:
    """As if an archiver had died between its commit and its acknowledgement."""
    image_id = own_api.send(jpeg(), "gate", idempotency_key="gate-9").json()["id"]
    own_api.caption()

    def store_and_delete(message: Message) -> Outcome:
        service = ArchiverService(own_api.context.archive, lambda _: None)
        service.handle([message])
        assert own_api.client.delete(f"/api/images/{image_id}").status_code == 204
        [again] = service.handle([message])
        captioned = CaptionedUpload.from_message(message)
        assert own_api.context.archive.lifecycle.tombstone(captioned.image.id)
        return again

    own_api.work(CAPTIONED, None, store_and_delete)

    assert own_api.context.jobs.find(image_id) is not None
    assert own_api.broker.monitor.totals([CAPTIONED]).queued_or_dead == 0
    assert problem(own_api.send(jpeg(), "gate", idempotency_key="gate-9")) == (409, "idempotency-key-of-deleted-image")
    assert problem(own_api.client.get(f"/api/images/{image_id}")) == (410, "image-deleted")
    finish(own_api)


def test_image_is_deleted_while_redis_is_unavailable(own_valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(own_valkey.url, tmp_path)) as api:
        image_id = store(api, idempotency_key="gate")
        own_valkey.stop()

        done = api.client.delete(f"/api/images/{image_id}")

        assert done.status_code == 204
        assert problem(api.client.get(f"/api/images/{image_id}")) == (410, "image-deleted")


def test_metrics_count_deletions_and_holds(own_api: Api) -> None:
    image_id = store(own_api)
    size_bytes = own_api.client.get(f"/api/images/{image_id}/metadata").json()["bytes"]
    own_api.client.delete(f"/api/images/{image_id}")
    before = own_api.client.get("/metrics").text
    store_retention_report(own_api.broker.monitor, RetentionReport(1.5e9, 3, 2))

    text = own_api.client.get("/metrics").text

    assert "captiond_held" not in before
    assert "captiond_deleted_total 1.0" in text
    assert f"captiond_deleted_bytes_total {float(size_bytes)}" in text
    assert "captiond_held 3.0" in text
    assert "captiond_undeleted 2.0" in text
    assert "captiond_retention_timestamp_seconds 1.5e+09" in text


def test_events_report_the_deletion(own_api: Api) -> None:
    image_id = store(own_api)
    own_api.client.delete(f"/api/images/{image_id}")

    job = own_api.context.jobs.find(image_id)

    assert job
    assert job.state == Status.DELETED
