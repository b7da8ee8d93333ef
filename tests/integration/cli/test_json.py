"""Results of the commands for machines, captions without a server, and the completion of shells."""

import io
import json
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image

from captiond.archive import Archive, StoredImage
from tests.e2e.product import Place
from tests.integration.api.serving import jpeg, record


@pytest.fixture
def image_id(migrated: Place) -> str:
    """The id of an archived image."""
    with Archive.open(migrated.settings["database_url"], Path(migrated.settings["images_dir"])) as archive:
        archive.prepare()
        [image] = archive.store([record(jpeg(), "archived")])
    assert isinstance(image, StoredImage)
    return str(image.id)


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_queues_print_an_object(migrated: Place) -> None:
    [shown] = lines(migrated.run("queues", "--json").stdout)

    queues = shown["queues"]
    assert isinstance(queues, list)
    assert [(queue["queue"], queue["depth"]) for queue in queues] == [("uploads", 0), ("captioned", 0), ("webhooks", 0)]
    assert isinstance(shown["totals"], dict)
    assert shown["totals"]["unaccounted"] == 0


def test_verify_prints_findings_and_the_result(migrated: Place, image_id: str) -> None:
    [file] = Path(migrated.settings["images_dir"]).rglob("*.jpg")
    file.unlink()
    broken = migrated.run("verify", "--json")

    assert broken.status == 1
    *findings, result = lines(broken.stdout)
    [missing] = [finding for finding in findings if finding["kind"] == "missing"]
    assert image_id in str(missing["finding"])
    assert (result["ok"], result["complete"], result["images"]) == (False, True, 1)
    assert isinstance(result["findings"], dict)
    assert result["findings"]["missing"] == 1


def test_verify_of_an_intact_archive_prints_the_result_only(migrated: Place) -> None:
    done = migrated.run("verify", "--json")

    assert (done.status, lines(done.stdout)) == (0, [{"ok": True, "complete": True, "images": 0, "findings": {}}])


def test_lifecycle_prints_an_object_per_image(migrated: Place, image_id: str) -> None:
    unknown = str(uuid4())

    held = migrated.run("hold", image_id, unknown, "--reason", "Ёж", "--json")
    listed = migrated.run("hold", "--json")
    refused = migrated.run("delete", image_id, "--json")
    released = migrated.run("unhold", image_id, "--json")
    preview = migrated.run("prune", "--keep-bytes", "1", "--dry-run", "--json")
    pruned = migrated.run("prune", "--keep-bytes", "1", "--json")

    assert [done.status for done in (held, listed, refused, released, preview, pruned)] == [1, 0, 1, 0, 0, 0]
    assert lines(held.stdout) == [{"id": image_id, "result": "held"}, {"id": unknown, "result": "not found"}]
    [hold] = lines(listed.stdout)
    assert (hold["id"], hold["reason"]) == (image_id, "Ёж")
    assert lines(refused.stdout) == [{"id": image_id, "result": "on hold"}]
    assert lines(released.stdout) == [{"id": image_id, "result": "released"}]
    [image] = lines(preview.stdout)
    assert image["id"] == image_id
    assert lines(pruned.stdout) == [{"deleted": 1, "bytes": image["bytes"]}]


def test_photo_is_captioned_and_restored_through_pipes(here: Place) -> None:
    photo = jpeg()
    command = [sys.executable, "-m", "captiond"]

    captioned = subprocess.run(
        [*command, "caption", "-", "Привет", "-o", "-"],
        cwd=here.folder,
        env=here.environment,
        input=photo,
        capture_output=True,
        check=True,
    )
    (here.folder / "captioned.jpg").write_bytes(captioned.stdout)
    restored = subprocess.run(
        [*command, "restore", "captioned.jpg", "-o", "-"],
        cwd=here.folder,
        env=here.environment,
        capture_output=True,
        check=True,
    )

    assert captioned.stderr.decode().endswith("pixels, lossless\n")
    assert Image.open(io.BytesIO(captioned.stdout)).height > Image.open(io.BytesIO(photo)).height
    assert restored.stdout == photo


@pytest.mark.parametrize(("source", "text", "status"), [("missing.jpg", "x", 2), ("text.txt", "x", 1), ("-", " ", 2)])
def test_caption_without_a_photo_or_text_fails_in_one_line(here: Place, source: str, text: str, status: int) -> None:
    (here.folder / "text.txt").write_text("no photo")

    done = here.run("caption", source, text, "-o", "out.jpg")

    assert done.status == status
    assert done.problem
    assert not (here.folder / "out.jpg").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [("captiond que", "queues"), ("captiond dead li", "list"), ("captiond queues --wa", "--watch")],
    ids=["command", "subcommand", "option"],
)
def test_bash_completes(here: Place, words: str, expected: str) -> None:
    environment = {"_CAPTIOND_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}

    done = subprocess.run(
        [sys.executable, "-m", "captiond"],
        env=here.environment | environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.split() == [expected]
