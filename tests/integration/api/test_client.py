"""The Python client against a running API. The synchronous and the asynchronous client share all logic."""

import asyncio
import io
import zipfile
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from captiond.access import Scope
from captiond.client import AsyncClient, Client, ProblemError, WaitTimeout
from captiond.imaging import Captioner, Style
from captiond.simulator import Plan, Protocol, Target
from captiond.simulator.sending import Reply, open_sender
from tests.contract.archive.making import replace_image
from tests.integration.api.serving import Api, jpeg, record


def send(client: Client, colour: str, description: str = "Gate 4") -> str:
    return client.upload(jpeg(colour=colour), description=description).id


def store(api: Api, client: Client, colour: str, description: str = "Gate 4") -> str:
    image_id = send(client, colour, description)
    api.caption()
    api.store()
    return image_id


def test_repeated_upload_of_each_kind_of_source_returns_the_same_image(own_api: Api, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg())
    fields = {"camera": "north", "labels": {"speed": "83"}, "captured_at": datetime(2026, 11, 26, 10, tzinfo=UTC)}

    with Client(own_api.url) as client:
        sources = (photo, photo.read_bytes(), io.BytesIO(photo.read_bytes()))
        accepted = [client.upload(source, description="Ворота 4", **fields) for source in sources]  # type: ignore[arg-type] # values of several types
        other = client.upload(photo, description="Gate 5")

    assert len({repeated.id for repeated in accepted}) == 1
    assert other.id != accepted[0].id
    assert accepted[0].labels == {"speed": "83"}
    assert accepted[0].captured_at == datetime(2026, 11, 26, 10, tzinfo=UTC)
    assert own_api.context.monitor.stats("uploads").depth == 2


def test_image_is_waited_for_and_downloaded(own_api: Api, tmp_path: Path) -> None:
    with Client(own_api.url) as client:
        image_id = send(client, "teal")
        with pytest.raises(WaitTimeout, match=r"is still queued after 0 s") as caught:
            client.wait(image_id, timeout=0)
        own_api.caption()
        own_api.store()
        file = tmp_path / "image.jpg"
        client.save_image(image_id, file)
        pipe = io.BytesIO()
        client.save_image(image_id, pipe)

        assert caught.value.status == "queued"
        assert client.wait(image_id).status == "stored"
        assert client.image(image_id) == file.read_bytes() == pipe.getvalue() == jpeg()
        assert client.thumbnail(image_id).startswith(b"\xff\xd8")
        assert client.metadata(image_id).width == 16
        assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_failed_image_has_a_reason_and_a_dead_letter(own_api: Api) -> None:
    with Client(own_api.url) as client:
        image_id = send(client, "red")
        own_api.fail(ValueError("no picture"))
        status = client.wait(image_id)
        letters = list(client.dead_letters(reason="no picture"))
        detail = client.dead_letter(letters[0].queue, letters[0].entry)
        retried = client.retry_dead_letters(letters)
        again = client.retry_dead_letters(letters)
        own_api.fail(ValueError("no picture"))
        dropped = client.drop_dead_letters(client.dead_letters(queue="uploads"))

    assert status.status == "failed"
    assert (status.reason or "").startswith("Processing failed")
    assert letters[0].id == image_id
    assert detail.fields["description"] == "Gate 4"
    assert (retried.changed, retried.missing) == (1, 0)
    assert (again.changed, again.missing) == (0, 1)
    assert dropped.changed == 1


def test_list_has_filters(own_api: Api) -> None:
    with Client(own_api.url) as client:
        ids = [store(own_api, client, "teal", f"Gate {number}") for number in range(5)]

        assert [image.id for image in client.images()] == ids[::-1]
        assert [image.id for image in client.images(max_images=3)] == ids[:1:-1]
        assert [image.description for image in client.images(search="gate 3", damaged=None)] == ["Gate 3"]
        assert list(client.images(received_from=datetime.now(UTC))) == []


def test_hold_prevents_the_deletion(own_api: Api) -> None:
    with Client(own_api.url) as client:
        image_id = store(own_api, client, "teal")
        client.hold(image_id, reason="accident")
        with pytest.raises(ProblemError) as held:
            client.delete(image_id)
        client.unhold(image_id)
        client.delete(image_id, reason="cleared")

        assert held.value.name == "image-held"
        assert client.status(image_id).status == "deleted"
        with pytest.raises(ProblemError, match="was deleted"):
            client.delete(image_id)


def test_events_resume_after_the_last_one(own_api: Api) -> None:
    with Client(own_api.url) as client:
        image_id = store(own_api, client, "teal")
        events = client.events(last_event_id="0-0")
        first = next(events)
        resumed = client.events(last_event_id=first.event_id, fields=True)

        assert (first.id, first.status) == (image_id, "queued")
        assert [next(resumed).status, next(resumed).status] == ["captioned", "stored"]


def test_originals_are_downloaded_and_exported(own_api: Api, tmp_path: Path) -> None:
    made = Captioner(Style()).add_caption(jpeg(64, 48), "Gate 4")
    [image] = own_api.archive(replace_image(record(made.jpeg, "Gate 4"), upload_sha256=sha256(jpeg(64, 48)).digest()))
    image_id = str(image.id)
    with Client(own_api.url) as client:
        client.save_original(image_id, tmp_path / "original.jpg")
        client.export(tmp_path / "images.zip", originals=True)

        assert client.original(image_id) == (tmp_path / "original.jpg").read_bytes() == jpeg(64, 48)

    with zipfile.ZipFile(tmp_path / "images.zip") as archive:
        assert sum(image_id in name for name in archive.namelist()) == 2


def test_asynchronous_client_does_the_same(own_api: Api, tmp_path: Path) -> None:
    async def run() -> None:
        async with AsyncClient(own_api.url) as client:
            accepted = await client.upload(jpeg(), description="Gate 4")
            await asyncio.to_thread(own_api.caption)
            await asyncio.to_thread(own_api.store)
            assert (await client.wait(accepted.id)).status == "stored"
            assert [image.id async for image in client.images()] == [accepted.id]
            assert await client.image(accepted.id) == jpeg()
            await client.export(tmp_path / "images.zip")
            async for event in client.events(last_event_id="0-0"):
                assert event.id == accepted.id
                break
            await client.delete(accepted.id)
            assert (await client.status(accepted.id)).status == "deleted"

    asyncio.run(run())

    assert zipfile.is_zipfile(tmp_path / "images.zip")


def test_state_of_the_system_is_returned(own_api: Api) -> None:
    with Client(own_api.url) as client:
        assert client.operations()["readiness"]


def test_missing_key_is_refused(secured: Api) -> None:
    _, token = secured.create_key("client", Scope.READ)
    with Client(secured.url) as client, pytest.raises(ProblemError) as refused:
        next(client.images())
    with Client(secured.url, token) as client:
        assert list(client.images()) == []

    assert (refused.value.status, refused.value.name) == (401, "unauthorized")


def test_key_is_sent_beside_user_and_password_of_the_url(secured: Api) -> None:
    _, token = secured.create_key("behind a proxy", Scope.UPLOAD, Scope.READ)
    url = secured.url.replace("://", "://proxy:password@")
    sender = open_sender(Protocol.RAW, Target(url, api_key=token))

    with Client(url, token) as client, closing(sender):
        shot = Plan(cameras=1, rate=1.0, count=1, start=datetime(2026, 11, 26, tzinfo=UTC), seed=1).take(0)

        assert list(client.images()) == []
        assert sender.send(shot) == Reply(is_accepted=True, text="202")
        assert asyncio.run(_ids(url, token)) == []


async def _ids(url: str, api_key: str) -> list[str]:
    async with AsyncClient(url, api_key) as client:
        return [image.id async for image in client.images()]
