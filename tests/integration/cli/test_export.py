import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.e2e.product import Done, Pipeline, photo

UPLOAD = photo(64, 48)


@pytest.fixture
def camera(pipeline: Pipeline, request: pytest.FixtureRequest) -> str:
    """The camera of two archived images, which no other test has."""
    name: str = request.node.name[:64]
    for _ in range(2):
        form = {"description": "=Привет", "camera": name}
        sent = pipeline.client.post("/api/images", files={"image": UPLOAD}, data=form)
        pipeline.await_status(sent.json()["id"], "stored")
    return name


def export(pipeline: Pipeline, output: Path | str, camera: str, *options: str) -> Done:
    return pipeline.place.run("export", "-o", str(output), "--camera", camera, "--url", pipeline.url, *options)


def check_sums(folder: Path) -> int:
    """Check the checksums of an export. Returns their number."""
    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, text=True, check=True)
    return len(done.stdout.splitlines())


def test_export_as_a_zip_archive(pipeline: Pipeline, camera: str, tmp_path: Path) -> None:
    done = export(pipeline, tmp_path / "export.zip", camera, "--originals")

    assert (done.status, done.stderr) == (0, "")
    assert done.stdout == f"2 images exported to {tmp_path}/export.zip\n"
    with zipfile.ZipFile(tmp_path / "export.zip") as zipped:
        zipped.extractall(tmp_path)
    assert check_sums(tmp_path) == 2 + 2 + len(["index.html", "index.csv"])
    assert {path.read_bytes() for path in tmp_path.glob("originals/*/*/*.jpg")} == {UPLOAD}
    assert not list(tmp_path.glob("*.part"))


def test_repeated_export_completes_a_directory(pipeline: Pipeline, camera: str, tmp_path: Path) -> None:
    first = export(pipeline, tmp_path, camera)
    kept, lost = tmp_path.glob("images/*/*/*.jpg")
    lost.unlink()
    written_at = kept.stat().st_mtime_ns

    second = export(pipeline, tmp_path, camera)

    assert (first.status, second.status) == (0, 0)
    assert kept.stat().st_mtime_ns == written_at
    assert check_sums(tmp_path) == 2 + len(["index.html", "index.csv"])


def test_export_to_stdout_is_the_archive_alone(pipeline: Pipeline, camera: str) -> None:
    command = (sys.executable, "-m", "captiond", "export", "-o", "-", "--camera", camera, "--url", pipeline.url)

    done = subprocess.run(command, env=pipeline.place.environment, capture_output=True, check=True)

    with zipfile.ZipFile(io.BytesIO(done.stdout)) as zipped:
        assert zipped.testzip() is None
        assert len(zipped.namelist()) == 2 + len(["index.html", "index.csv", "SHA256SUMS"])
    assert done.stderr == b""


def test_missing_file_exits_with_1_and_is_listed(pipeline: Pipeline, camera: str, tmp_path: Path) -> None:
    [image, _] = pipeline.client.get("/api/images", params={"camera": camera}).json()
    [file] = (pipeline.place.folder / "images").rglob(f"{image['id']}.jpg")
    file.rename(tmp_path / "moved.jpg")

    done = export(pipeline, tmp_path / "export", camera)

    (tmp_path / "moved.jpg").rename(file)
    assert (done.status, done.problem) == (1, "1 file could not be exported; see MISSING.txt")
    assert image["id"] in (tmp_path / "export" / "MISSING.txt").read_text()


def test_usage_errors_exit_with_2(pipeline: Pipeline, tmp_path: Path) -> None:
    invalid = export(pipeline, tmp_path / "export.zip", "x", "--from", "yesterday")
    unwritable = export(pipeline, tmp_path / "none" / "export.zip", "x")

    assert invalid.status == 2
    assert invalid.problem.startswith("from: ")
    assert (unwritable.status, unwritable.problem) == (
        2,
        f"cannot write {tmp_path}/none/export.zip.part: No such file or directory",
    )
    assert not list(tmp_path.iterdir())
