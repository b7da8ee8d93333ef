from pathlib import Path

import pytest

from tests.e2e.product import Pipeline, photo, wait_until


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(photo(32, 32))
    (tmp_path / "page.txt").write_text("no picture")
    return tmp_path


def descriptions(pipeline: Pipeline) -> list[str]:
    return [image["description"] for image in pipeline.client.get("/api/images").json()]


def test_send_uploads_files_with_one_description(pipeline: Pipeline, folder: Path) -> None:
    files = (str(folder / "a.jpg"), str(folder / "b.jpg"))

    sent = pipeline.place.run("send", *files, "--description", "Для всех", "--url", pipeline.url)

    assert (sent.status, sent.stderr) == (0, "")
    assert sent.stdout.endswith("2 of 2 files sent\n")
    wait_until(lambda: descriptions(pipeline).count("Для всех") == 2, 30, "both are archived")


def test_send_uploads_the_files_of_a_csv_with_their_descriptions(pipeline: Pipeline, folder: Path) -> None:
    captions = folder / "captions.csv"
    captions.write_text('\ufefffile,description\na.jpg,Первый\nb.jpg,"Second, with a comma"\n', encoding="utf-8")

    sent = pipeline.place.run("send", "--captions", str(captions), "--url", pipeline.url)

    assert sent.status == 0
    wait_until(lambda: {"Первый", "Second, with a comma"} <= set(descriptions(pipeline)), 30, "both are archived")


def test_send_lists_failed_files_with_reasons_and_uploads_the_others(pipeline: Pipeline, folder: Path) -> None:
    (folder / "huge.jpg").write_bytes(photo(32, 32) + bytes(30 << 20))
    files = [str(folder / name) for name in ("a.jpg", "page.txt", "huge.jpg", "none.jpg")]

    sent = pipeline.place.run("send", *files, "--description", "Один", "--url", pipeline.url)

    assert sent.status == 1
    assert sent.stdout.endswith("1 of 4 files sent\n")
    assert sorted(sent.stderr.splitlines()) == [
        f"captiond: {folder}/huge.jpg: The image exceeds the limit of 10485760 bytes.",
        f"captiond: {folder}/none.jpg: No such file or directory",
        f"captiond: {folder}/page.txt: The part `image` starts with 6e 6f 20; a JPEG starts with ff d8 ff.",
    ]


def test_send_reports_an_unreachable_api(pipeline: Pipeline, folder: Path) -> None:
    sent = pipeline.place.run("send", str(folder / "a.jpg"), "--description", "x", "--url", "http://127.0.0.1:1")

    assert sent.status == 1
    assert "http://127.0.0.1:1 is unreachable" in sent.problem


def test_send_rejects_an_invalid_csv_before_uploading(pipeline: Pipeline, tmp_path: Path) -> None:
    invalid = {
        "semicolons": (b"file;description\na.jpg;x\n", "{}: missing columns: description, file"),
        "one column": (b"file\na.jpg\n", "{}: missing columns: description"),
        "empty": (b"", "{}: missing columns: description, file"),
        "not UTF-8": (b"file,description\na.jpg,caf\xe9\n", "cannot read {}: "),
        "missing": (None, "cannot read {}: "),
    }
    for name, (content, problem) in invalid.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)

        done = pipeline.place.run("send", "--captions", str(tmp_path / name))

        assert done.status == 2
        assert done.problem.startswith(problem.format(tmp_path / name))
