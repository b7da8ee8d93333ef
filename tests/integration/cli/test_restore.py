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


def test_restore_by_id(pipeline: Pipeline, stored: str, tmp_path: Path) -> None:
    done = pipeline.place.run("restore", stored, "-o", str(tmp_path / "original.jpg"))

    assert (done.status, done.stdout, done.stderr) == (0, f"{tmp_path}/original.jpg\n", "")
    assert (tmp_path / "original.jpg").read_bytes() == UPLOAD


def test_restore_from_a_file(pipeline: Pipeline, stored: str, tmp_path: Path) -> None:
    (tmp_path / "captioned.jpg").write_bytes(pipeline.client.get(f"/api/images/{stored}").content)

    done = pipeline.place.run("restore", str(tmp_path / "captioned.jpg"), "-o", str(tmp_path / "original.jpg"))

    assert (done.status, done.stderr) == (0, "")
    assert (tmp_path / "original.jpg").read_bytes() == UPLOAD


def test_unrestorable_image_exits_with_1(pipeline: Pipeline, tmp_path: Path) -> None:
    (tmp_path / "plain.jpg").write_bytes(UPLOAD)
    output = tmp_path / "original.jpg"

    plain = pipeline.place.run("restore", str(tmp_path / "plain.jpg"), "-o", str(output))
    unknown = pipeline.place.run("restore", "9f1c1ad7-8c0e-4ee6-8a4e-2a4f0c8c1f3e", "-o", str(output))

    assert (plain.status, unknown.status) == (1, 1)
    assert plain.problem
    assert unknown.problem == "image 9f1c1ad7-8c0e-4ee6-8a4e-2a4f0c8c1f3e is not archived"
    assert not output.exists()


def test_missing_file_names_the_image_and_the_fix(pipeline: Pipeline, stored: str, tmp_path: Path) -> None:
    [file] = (pipeline.place.folder / "images").rglob(f"{stored}.jpg")
    file.rename(tmp_path / "moved.jpg")

    done = pipeline.place.run("restore", stored, "-o", str(tmp_path / "original.jpg"))

    (tmp_path / "moved.jpg").rename(file)
    assert done.status == 1
    assert done.problem == f"image {stored}: its file is missing from the archive; run `captiond verify`"


def test_invalid_source_or_output_exits_with_2(pipeline: Pipeline, stored: str, tmp_path: Path) -> None:
    invalid_source = pipeline.place.run("restore", "somewhere.jpg", "-o", str(tmp_path / "original.jpg"))
    unwritable = pipeline.place.run("restore", stored, "-o", str(tmp_path / "none" / "original.jpg"))

    assert (invalid_source.status, invalid_source.problem) == (2, "somewhere.jpg is neither a file nor an image id")
    assert (unwritable.status, unwritable.problem.startswith("cannot write ")) == (2, True)
