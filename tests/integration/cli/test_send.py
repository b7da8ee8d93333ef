"""`captiond send`: every file is sent once, also after an interruption, and every failure is reported."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.product import Done, Pipeline, photo, wait_until
from tests.servers.ports import free_port

SCHEMA = ["file", "id", "status", "sent", "error"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(photo(32, 32))
    (tmp_path / "page.txt").write_text("no picture")
    return tmp_path


def listed(pipeline: Pipeline, text: str) -> list[str]:
    images = pipeline.client.get("/api/images", params={"q": text, "limit": 1000}).json()
    return [image["description"] for image in images]


def send(pipeline: Pipeline, *arguments: object, answer: str = "") -> Done:
    return pipeline.place.run("send", *map(str, arguments), "--url", pipeline.url, answer=answer)


def without_time(summary: str) -> str:
    return summary.rpartition(" in ")[0]


def test_a_folder_is_sent_once_with_one_description(pipeline: Pipeline, folder: Path) -> None:
    first = send(pipeline, folder, "--description", "Для всех", "--wait")
    second = send(pipeline, f"{folder}/*.jpg", "--description", "Для всех", "--wait")

    assert (first.status, without_time(first.stderr)) == (0, "2 files: 2 sent")
    assert (second.status, without_time(second.stderr)) == (0, "2 files: 0 sent, 2 already sent")
    assert sorted(first.stdout.splitlines()) == sorted(second.stdout.splitlines())
    assert {line.split("  ")[1] for line in first.stdout.splitlines()} == {f"{folder}/a.jpg", f"{folder}/b.jpg"}
    assert listed(pipeline, "Для всех") == ["Для всех"] * 2


def test_a_table_has_descriptions_and_fields(pipeline: Pipeline, folder: Path) -> None:
    table = folder / "captions.csv"
    rows = "sep=;\r\nfile;description;camera;labels.plate\r\na.jpg;Первый из таблицы;7;А1\r\nb.jpg;из таблицы;;\r\n"
    table.write_bytes(rows.encode("cp1251"))

    sent = send(pipeline, "--captions", table, "--encoding", "cp1251", "--wait")

    assert sent.status == 0
    [image] = pipeline.client.get("/api/images", params={"q": "Первый из таблицы"}).json()
    assert (image["camera"], image["labels"]) == ("7", {"plate": "А1"})


def test_unusable_files_are_reported_first_and_the_others_are_sent(pipeline: Pipeline, folder: Path) -> None:
    (folder / "damaged.jpg").write_bytes(b"\xff\xd8\xff and nothing else")
    table = folder / "captions.csv"
    table.write_text(
        "file,description,captured_at\n"
        "page.txt,Page,\ndamaged.jpg,Damaged,\na.jpg,The good,2026-11-26T10:45:01Z\nnone.jpg,None,\n"
    )
    failed = folder / "failed.csv"

    sent = send(pipeline, "--captions", table, "--failed-to", failed, "--wait", "--json")

    results = {Path(result["file"]).name: result for result in map(json.loads, sent.stdout.splitlines())}
    assert sent.status == 1
    assert [list(result) for result in results.values()] == [SCHEMA] * 4
    assert results["a.jpg"]["status"] == "stored"
    assert results["a.jpg"]["sent"] is True
    assert results["a.jpg"]["error"] is None
    assert (results["damaged.jpg"]["status"], results["damaged.jpg"]["sent"]) == ("failed", True)
    assert (results["none.jpg"]["id"], results["none.jpg"]["status"]) == (None, None)
    lines = sent.stderr.splitlines()
    assert lines[0].startswith(f"captiond: line 2: {folder}/page.txt: not a JPEG: the file starts with 6e 6f 20, ")
    assert lines[1] == f"captiond: line 5: {folder}/none.jpg: No such file or directory"
    assert lines[2].startswith(f"captiond: line 3: {folder}/damaged.jpg: image {results['damaged.jpg']['id']} failed: ")
    assert without_time(lines[3]) == "4 files: 1 sent, 3 failed"

    (folder / "page.txt").write_bytes(photo(32, 32))
    again = send(pipeline, "--captions", failed, "--failed-to", failed)

    assert again.status == 1
    assert without_time(again.stderr.splitlines()[-1]) == "3 files: 1 sent, 2 failed"
    assert [line.split(",")[0] for line in failed.read_text("utf-8-sig").splitlines()[1:]] == [
        f"{folder}/none.jpg",
        f"{folder}/damaged.jpg",
    ]


def test_nothing_is_sent_after_a_usage_error(pipeline: Pipeline, folder: Path) -> None:
    (folder / "cut.csv").write_text("file,description\na.jpg,Unsent\nb.jpg,Unsent, too\n")
    (folder / "empty").mkdir()
    wrong: dict[str, list[object]] = {
        "line 3: 3 fields, but the header has 2": ["--captions", folder / "cut.csv"],
        "cannot read": ["--captions", folder / "none.csv"],
        "--encoding: no encoding named 'x'": ["--captions", folder / "cut.csv", "--encoding", "x"],
        "give either": [folder],
        "--description: the description is blank": [folder, "--description", " "],
        "no JPEG in this folder": [folder, folder / "empty", "--description", "Unsent"],
        "is no file name": [folder, "--description", "Unsent", "--failed-to", folder],
        "--failed-to: cannot write": [folder, "--description", "Unsent", "--failed-to", folder / "none" / "f.csv"],
    }

    for problem, arguments in wrong.items():
        done = send(pipeline, *arguments)

        assert (done.status, done.stdout) == (2, "")
        assert problem in done.problem
    assert listed(pipeline, "Unsent") == []


def test_an_unavailable_server_is_reported_once(pipeline: Pipeline, folder: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"

    sent = pipeline.place.run("send", str(folder), "--description", "x", "--url", url, "--timeout", "0.5")

    lines = sent.stderr.splitlines()
    assert (sent.status, sent.stdout) == (1, "")
    assert lines[0].startswith(f"captiond: {url} is unreachable: ")
    assert lines[0].endswith("; retrying for up to 0.5 s")


def start(pipeline: Pipeline, *arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "captiond", "send", *map(str, arguments), "--url", pipeline.url]
    place = pipeline.place
    return subprocess.Popen(
        command, cwd=place.folder, env=place.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_an_interrupted_run_continues_and_survives_a_restart_of_the_api(pipeline: Pipeline, tmp_path: Path) -> None:
    jpeg = photo(32, 32)
    for number in range(300):
        (tmp_path / f"{number}.jpg").write_bytes(jpeg + str(number).encode())
    arguments = (tmp_path, "--description", "Interrupted", "--parallel", "2")
    with start(pipeline, *arguments) as process:
        assert process.stdout
        assert process.stderr
        first = [process.stdout.readline() for _ in range(20)]
        process.send_signal(signal.SIGINT)
        first += process.stdout.readlines()
        problem = process.stderr.read().decode()
    assert process.returncode == 130
    assert problem.endswith("captiond: interrupted; run the same command again to continue\n")
    assert f"300 files: {len(first)} sent, {300 - len(first)} not sent in" in problem

    with start(pipeline, *arguments) as process:
        assert process.stdout
        assert process.stderr
        second = [process.stdout.readline() for _ in range(len(first) + 20)]
        pipeline.kill("api")
        pipeline.start("api")
        second += process.stdout.readlines()
        problem = process.stderr.read().decode()

    assert process.returncode == 0
    assert "; retrying for up to 300 s\n" in problem
    assert problem.splitlines()[-1].startswith("300 files: ")
    assert len(set(second)) == 300
    assert set(first) <= set(second)
    wait_until(lambda: len(listed(pipeline, "Interrupted")) == 300, 60, "all are archived once")


def test_a_closed_pipe_ends_the_run(pipeline: Pipeline, tmp_path: Path) -> None:
    jpeg = photo(32, 32)
    for number in range(50):
        (tmp_path / f"{number}.jpg").write_bytes(jpeg + str(number).encode())
    with start(pipeline, tmp_path, "--description", "Pipe", "--parallel", "1") as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        problem = process.stderr.read().decode()

    assert process.returncode == 130
    assert "Traceback" not in problem


def test_a_list_of_paths_is_read_from_stdin(pipeline: Pipeline, folder: Path) -> None:
    sent = send(pipeline, "-", "--description", "Listed", answer=f"{folder}/a.jpg\n{folder}/b.jpg\n")

    assert (sent.status, without_time(sent.stderr)) == (0, "2 files: 2 sent")
