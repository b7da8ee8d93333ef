from pathlib import Path

import pytest

from tests.e2e.product import Pipeline, photo

UPLOAD = photo(64, 48)


@pytest.fixture
def stored(pipeline: Pipeline) -> str:
    """The id of an archived image."""
    image_id = pipeline.send(UPLOAD, "Назад")
    pipeline.await_status(image_id, "stored")
    return image_id


def test_an_upload_is_restored_by_its_id(pipeline: Pipeline, stored: str, tmp_path: Path) -> None:
    done = pipeline.place.run("restore", stored, "-o", str(tmp_path / "original.jpg"))

    assert (done.status, done.stderr) == (0, "")
    assert (tmp_path / "original.jpg").read_bytes() == UPLOAD


def test_an_upload_is_restored_out_of_a_file(pipeline: Pipeline, stored: str, tmp_path: Path) -> None:
    (tmp_path / "captioned.jpg").write_bytes(pipeline.client.get(f"/api/images/{stored}").content)

    done = pipeline.place.run("restore", str(tmp_path / "captioned.jpg"), "-o", str(tmp_path / "original.jpg"))

    assert (done.status, done.stderr) == (0, "")
    assert (tmp_path / "original.jpg").read_bytes() == UPLOAD


def test_what_cannot_be_restored_is_status_1(pipeline: Pipeline, tmp_path: Path) -> None:
    (tmp_path / "plain.jpg").write_bytes(UPLOAD)
    output = tmp_path / "original.jpg"

    plain = pipeline.place.run("restore", str(tmp_path / "plain.jpg"), "-o", str(output))
    unknown = pipeline.place.run("restore", "9f1c1ad7-8c0e-4ee6-8a4e-2a4f0c8c1f3e", "-o", str(output))

    assert (plain.status, unknown.status) == (1, 1)
    assert plain.problem
    assert unknown.problem == "no image 9f1c1ad7-8c0e-4ee6-8a4e-2a4f0c8c1f3e is archived"
    assert not output.exists()


def test_what_is_neither_file_nor_id_and_what_cannot_be_written_is_status_2(
    pipeline: Pipeline, stored: str, tmp_path: Path
) -> None:
    neither = pipeline.place.run("restore", "somewhere.jpg", "-o", str(tmp_path / "original.jpg"))
    nowhere = pipeline.place.run("restore", stored, "-o", str(tmp_path / "none" / "original.jpg"))

    assert (neither.status, neither.problem) == (2, "somewhere.jpg is neither a file nor an id")
    assert (nowhere.status, "cannot be written" in nowhere.problem) == (2, True)
