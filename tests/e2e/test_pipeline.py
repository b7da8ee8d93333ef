from hashlib import sha256

from tests.e2e.conftest import Stack
from tests.e2e.product import assert_captioned, photo
from tests.unit.imaging.builds import needs_compiled

DESCRIPTION = "С начала фазы запрещающего сигнала прошло: 7 секунд"
BROKEN = photo()[:400]


def half_a_scan() -> bytes:
    """A photo whose scan ends in the middle, with an end of image."""
    jpeg = photo()
    middle = (jpeg.index(b"\xff\xda") + len(jpeg)) // 2
    return jpeg[:middle].rstrip(b"\xff") + b"\xff\xd9"


def test_valid_image_is_archived_and_broken_image_is_dead_lettered(stack: Stack) -> None:
    pipeline = stack.pipeline
    original = photo()

    good = pipeline.send(original, DESCRIPTION)
    broken = pipeline.send(BROKEN, "a broken file")
    pipeline.await_status(good, "stored")
    pipeline.await_status(broken, "failed")

    [listed] = pipeline.client.get("/api/images?q=ФАЗЫ").json()
    assert (listed["id"], listed["description"]) == (good, DESCRIPTION)
    captioned = pipeline.client.get(f"/api/images/{good}").content
    assert_captioned(captioned, original)
    assert len(captioned) == listed["bytes"]
    assert pipeline.place.run("verify").status == 0

    status = pipeline.client.get(f"/api/images/{broken}/status").json()
    assert status["error"]
    assert "BadImage" not in status["error"]
    shown = pipeline.place.run("dead", "show", broken).stdout
    assert "Traceback (most recent call last)" in shown
    assert "BadImage" in shown
    assert "description: a broken file" in shown
    assert "1 dead letter returned to its queue" in pipeline.place.run("dead", "retry", broken).stdout
    pipeline.await_status(broken, "failed")
    assert broken in pipeline.place.run("dead", "list").stdout

    logs = {file.name: file.read_text() for file in (pipeline.place.folder / "log").glob("*.log")}
    logs.pop("audit.log", None)
    assert set(logs) == {"api.log", "captioner.log", "archiver.log"}
    assert all(good in log for log in logs.values())
    assert "Traceback (most recent call last)" in logs["captioner.log"]
    assert not any("запрещающего" in log for log in logs.values())
    assert "1 dead letter deleted" in pipeline.place.run("dead", "drop", broken, "--yes").stdout


@needs_compiled
def test_damaged_photo_is_archived_and_flagged(stack: Stack) -> None:
    pipeline = stack.pipeline
    damaged = half_a_scan()

    image_id = pipeline.send(damaged, "half a photo")
    pipeline.await_status(image_id, "stored")

    metadata = pipeline.client.get(f"/api/images/{image_id}/metadata").json()
    assert metadata["damage"].startswith("the scan ends early (MCU ")
    assert metadata["upload_sha256"] == sha256(damaged).hexdigest()
    assert pipeline.client.get(f"/api/images/{image_id}/original").content == damaged
    assert pipeline.client.get("/api/images?damaged=true").json() == [metadata]
    assert metadata not in pipeline.client.get("/api/images?damaged=false").json()
    log = (pipeline.place.folder / "log" / "captioner.log").read_text()
    assert f'damaged photo image={image_id} reason="{metadata["damage"]}"' in log
