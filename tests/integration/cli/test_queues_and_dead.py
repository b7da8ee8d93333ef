import json
import re
import time
from pathlib import Path
from uuid import uuid4
from zlib import crc32

import pytest
from redis import Redis

from captiond.patch import Patch
from tests.e2e.product import Pipeline, photo

BROKEN = photo(32, 32)[:200]


@pytest.fixture
def died(pipeline: Pipeline) -> str:
    """The id of an image among the dead letters."""
    image_id = pipeline.send(BROKEN, "не картинка")
    pipeline.await_status(image_id, "failed")
    return image_id


def letter(pipeline: Pipeline, image_id: str) -> str:
    [line] = [line for line in pipeline.place.run("dead", "list").stdout.splitlines() if image_id in line]
    [found] = re.findall(r"uploads/\d+-\d+", line)
    assert isinstance(found, str)
    return found


def test_the_queues_are_shown_with_all_that_is_promised(pipeline: Pipeline, died: str) -> None:
    shown = pipeline.place.run("queues")

    assert (shown.status, shown.stderr) == (0, "")
    rows = [[cell.strip() for cell in re.split("[│┃]", line)[1:-1]] for line in shown.stdout.splitlines()]
    head, uploads, captioned = (row for row in rows if row)
    assert {"queue", "depth", "in flight", "oldest", "dead letters", "consumers"} <= set(head)
    told = dict(zip(head, uploads, strict=True))
    assert (told["queue"], told["depth"], told["consumers"]) == ("uploads", "0", "1")
    assert int(told["dead letters"]) >= 1
    assert captioned[0] == "captioned"
    ever, now = shown.stdout.splitlines()[-2:]
    assert re.match(r"ever: [1-9]\d* accepted, \d+ archived, \d+ dropped; ", ever)
    assert re.fullmatch(r"now: \d+\.\d% of the budget's bytes used, 0 images unaccounted for", now)
    assert died not in shown.stdout


def test_a_dead_letter_is_listed_and_shown_with_its_traceback(pipeline: Pipeline, died: str) -> None:
    listed = pipeline.place.run("dead", "list")
    shown = pipeline.place.run("dead", "show", died)

    assert (listed.status, shown.status) == (0, 0)
    [line] = [line for line in listed.stdout.splitlines() if died in line]
    assert "BadImage" in line
    assert "description: не картинка" in shown.stdout
    assert "Traceback (most recent call last)" in shown.stdout


def test_a_dead_letter_is_put_back_and_dies_again(pipeline: Pipeline, died: str) -> None:
    before = letter(pipeline, died)

    put_back = pipeline.place.run("dead", "retry", before)

    assert (put_back.status, put_back.stdout) == (0, "1 put back\n")
    pipeline.await_status(died, "failed")
    assert letter(pipeline, died) != before


def test_a_dead_letter_is_exported_whole_and_stays(pipeline: Pipeline, died: str, tmp_path: Path) -> None:
    name = letter(pipeline, died).replace("/", "-")

    exported = pipeline.place.run("dead", "export", str(tmp_path / "letters"), died)

    assert (exported.status, exported.stdout) == (0, "1 exported\n")
    assert (tmp_path / "letters" / f"{name}.jpg").read_bytes() == BROKEN
    about = json.loads((tmp_path / "letters" / f"{name}.json").read_text("utf-8"))
    assert (about["id"], about["queue"], about["description"]) == (died, "uploads", "не картинка")
    assert "Traceback (most recent call last)" in about["dead_traceback"]
    assert letter(pipeline, died)


def test_an_upload_is_exported_beside_its_captioned_image(pipeline: Pipeline, tmp_path: Path) -> None:
    """As where the archiver gave up on a photo that was encoded anew."""
    original, image, image_id = bytes(70_000), b"captioned", str(uuid4())
    with Redis.from_url(pipeline.place.settings["redis_url"]) as client:
        client.set(f"{{captiond:0}}:body:{image_id}", original)
        fields = {b"id": image_id.encode(), b"patch": Patch(crc32(original), (image,)).to_bytes()}
        entry = client.xadd("{captiond:0}:captioned:dead", fields)
        assert isinstance(entry, bytes)

    exported = pipeline.place.run("dead", "export", str(tmp_path), f"captioned/{entry.decode()}")

    assert exported.status == 0
    assert (tmp_path / f"captioned-{entry.decode()}.jpg").read_bytes() == image
    assert (tmp_path / f"captioned-{entry.decode()}.original.jpg").read_bytes() == original


def test_a_folder_that_cannot_be_made_is_named(pipeline: Pipeline, died: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    exported = pipeline.place.run("dead", "export", str(tmp_path / "file" / "below"), died)

    assert exported.status == 2
    assert "cannot be written" in exported.problem


def test_many_are_put_back_no_faster_than_told(pipeline: Pipeline, died: str) -> None:
    other = pipeline.send(BROKEN, "тоже")
    pipeline.await_status(other, "failed")
    began = time.monotonic()

    put_back = pipeline.place.run("dead", "retry", "--all", "--rate", "1")

    assert put_back.status == 0
    assert int(put_back.stdout.split()[0]) >= 2
    assert time.monotonic() - began > 1
    for image_id in (died, other):
        pipeline.await_status(image_id, "failed")


def test_a_dead_letter_is_dropped_after_a_yes(pipeline: Pipeline, died: str) -> None:
    refused = pipeline.place.run("dead", "drop", died, answer="n\n")
    assert refused.status == 1
    assert letter(pipeline, died)

    dropped = pipeline.place.run("dead", "drop", died, answer="y\n")

    assert (dropped.status, "1 deleted" in dropped.stdout) == (0, True)
    assert died not in pipeline.place.run("dead", "list").stdout
    assert pipeline.client.get(f"/api/images/{died}/status").status_code == 404


def test_all_are_dropped_at_once(pipeline: Pipeline, died: str) -> None:
    assert pipeline.place.run("dead", "drop", "--all", "--yes").status == 0

    assert pipeline.place.run("dead", "list").stdout == "no dead letters\n"
    assert pipeline.client.get(f"/api/images/{died}/status").status_code == 404


def test_an_unknown_letter_is_named(pipeline: Pipeline) -> None:
    shown = pipeline.place.run("dead", "show", "uploads/1-1")

    assert (shown.status, shown.problem) == (1, "no dead letter uploads/1-1")
