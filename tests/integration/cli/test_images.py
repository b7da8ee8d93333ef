"""`captiond list`, `get`, `wait` and `events`, which use the HTTP API."""

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest

from tests.e2e.product import Done, Pipeline, photo

UPLOAD = photo(64, 48)
BROKEN = photo(32, 32)[:200]


@pytest.fixture(scope="module")
def image_id(pipeline: Pipeline) -> str:
    """A stored image with a description that no other test has."""
    found = pipeline.client.post(
        "/api/images",
        files={"image": ("photo.jpg", UPLOAD, "image/jpeg")},
        data={"description": "Ворота \x1b[31m 4, list", "camera": "Ленина 12", "labels": '{"speed": "83"}'},
    ).json()["id"]
    pipeline.await_status(found, "stored")
    return str(found)


@pytest.fixture(scope="module")
def failed_id(pipeline: Pipeline, image_id: str) -> str:
    del image_id  # before it, so that the order of events is known
    found = pipeline.send(BROKEN, "broken")
    pipeline.await_status(found, "failed")
    return found


def run(pipeline: Pipeline, *args: str) -> Done:
    return pipeline.place.run(*args, "--url", pipeline.url)


def test_list_prints_a_line_per_image(pipeline: Pipeline, image_id: str) -> None:
    done = run(pipeline, "list", "--search", "4, LIST", "--label", "speed:83", "--camera", "Ленина 12")

    assert (done.status, done.stderr) == (0, "")
    [line] = done.stdout.splitlines()
    assert line.startswith(f"{image_id}  20")
    assert line.endswith(r"Z  Ленина 12  Ворота \u001b[31m 4, list")


def test_list_as_json_has_the_fields_of_the_api(pipeline: Pipeline, image_id: str) -> None:
    done = run(pipeline, "list", "--json", "--all", "--search", "4, list")

    [line] = done.stdout.splitlines()
    expected = pipeline.client.get(f"/api/images/{image_id}/metadata").json()
    assert json.loads(line) == {name: value for name, value in expected.items() if name != "redraw_reason"}


def test_limit_is_the_number_of_images(pipeline: Pipeline, image_id: str, failed_id: str) -> None:
    del image_id, failed_id
    assert len(run(pipeline, "list", "--limit", "1").stdout.splitlines()) == 1


def test_get_writes_image_original_and_metadata(pipeline: Pipeline, image_id: str, tmp_path: Path) -> None:
    image = run(pipeline, "get", image_id, "-o", str(tmp_path / "image.jpg"), "--wait")
    original = run(pipeline, "get", image_id, "-o", str(tmp_path / "original.jpg"), "--original")
    metadata = run(pipeline, "get", image_id, "--metadata")

    assert (image.status, image.stdout) == (0, f"{tmp_path}/image.jpg\n")
    assert original.status == 0
    document = json.loads(metadata.stdout)
    assert sha256((tmp_path / "image.jpg").read_bytes()).hexdigest() == document["sha256"]
    assert (tmp_path / "original.jpg").read_bytes() == UPLOAD
    assert document["labels"] == {"speed": "83"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["image.jpg", "original.jpg"]


def test_get_to_stdout_is_the_image_alone(pipeline: Pipeline, image_id: str) -> None:
    command = (sys.executable, "-m", "captiond", "get", image_id, "-o", "-", "--url", pipeline.url)

    done = subprocess.run(command, env=pipeline.place.environment, capture_output=True, check=True)

    assert done.stdout == pipeline.client.get(f"/api/images/{image_id}").content


def test_failed_and_unknown_images_exit_with_1(pipeline: Pipeline, image_id: str, failed_id: str) -> None:
    waited = run(pipeline, "wait", str(uuid4()), image_id, failed_id, "--json")
    got = run(pipeline, "get", failed_id, "--wait")
    unknown = run(pipeline, "get", str(uuid4()))

    assert (waited.status, got.status, unknown.status) == (1, 1, 1)
    assert [json.loads(line)["status"] for line in waited.stdout.splitlines()] == ["stored", "failed"]
    assert f"image {failed_id} is failed: " in got.problem
    assert unknown.problem == "No image has this id; check the id."


def test_wait_prints_the_status(pipeline: Pipeline, image_id: str) -> None:
    assert run(pipeline, "wait", image_id).stdout == f"{image_id}  stored\n"


def test_events_resume_after_an_event(pipeline: Pipeline, image_id: str, failed_id: str) -> None:
    del image_id, failed_id
    lines = run(pipeline, "events", "--after", "0-0", "--count", "3", "--json").stdout.splitlines()
    events = [json.loads(line) for line in lines]
    text = run(pipeline, "events", "--after", events[0]["event_id"], "--count", "2").stdout.splitlines()

    assert {"event_id", "id", "status"} <= set(events[0])
    assert [line.split("  ")[:3] for line in text] == [
        [event["event_id"], event["id"], event["status"]] for event in events[1:]
    ]


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (("list", "--label", "speed"), "--label: 'speed' has no colon; use NAME:VALUE, such as speed:83"),
        (("list", "--label", "a:1", "--label", "a:2"), "--label: 'a' is given twice"),
        (("list", "--url", "ftp://user:secret@host"), "--url: invalid URL 'ftp://***@host'"),
        (("list", "--search", "\udcff"), r"q: '\udcff' is not Unicode text"),
        (("list", "--camera", "\udcff"), r"--camera: '\udcff' is not Unicode text"),
        (("prune", "--older-than", "1d", "--camera", "\udcff"), r"--camera: '\udcff' is not Unicode text"),
        (("events", "--after", "0-0\r"), r"--after: '0-0\r' is not an event id, such as "),
        (("wait", "x"), "'x' is not an image id, such as those that `captiond list` prints"),
        (("get", "../x"), "'../x' is not an image id, such as "),
        (("get", "1", "--metadata", "--original"), "--metadata: prints to stdout; leave out --original and --output"),
        (("dead", "retry"), "give either an ID, or --all or --reason TEXT"),
        (("dead", "retry", "1", "--reason", "x"), "give either an ID, or --all or --reason TEXT"),
    ],
    ids=[
        "label",
        "repeated label",
        "url",
        "search",
        "camera",
        "camera of prune",
        "event",
        "ids",
        "id",
        "metadata",
        "no selection",
        "two selections",
    ],
)
def test_wrong_usage_exits_with_2(pipeline: Pipeline, args: tuple[str, ...], problem: str) -> None:
    done = pipeline.place.run(*args)

    assert done.status == 2
    assert done.problem.startswith(problem)


def test_invalid_filter_exits_with_2(pipeline: Pipeline) -> None:
    done = run(pipeline, "list", "--from", "yesterday")

    assert done.status == 2
    assert done.problem.startswith("from: ")


def test_dead_letters_are_selected_by_reason(pipeline: Pipeline, failed_id: str) -> None:
    listed = pipeline.place.run("dead", "list", "--json", "--reason", "jpeg")
    [letter] = [document for document in map(json.loads, listed.stdout.splitlines()) if document["id"] == failed_id]
    shown = json.loads(pipeline.place.run("dead", "show", failed_id, "--json").stdout)
    none = pipeline.place.run("dead", "list", "--reason", "no such reason")
    retried = pipeline.place.run("dead", "retry", "--reason", "no such reason")
    remote = pipeline.client.get(f"/api/dead-letters/{letter['queue']}/{letter['entry']}").json()

    assert none.stdout == "no dead letters\n"
    assert retried.stdout == "0 dead letters returned to their queues\n"
    assert {name: letter[name] for name in letter if name != "bytes"} == {
        name: remote[name] for name in letter if name != "bytes"
    }
    assert set(shown) == set(remote)
    assert set(remote) - set(letter) == {"traceback", "offloaded_bytes", "fields"}
    assert (shown["fields"], shown["traceback"]) == (remote["fields"], remote["traceback"])
