"""The logic of the client without a server: the test performs the steps of an operation."""

import io
import json
import os
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import httpx
import pytest

from captiond.client import (
    DeadLetter,
    Event,
    Image,
    InvalidValue,
    ProblemError,
    Retries,
    Status,
    Unavailable,
    UnexpectedResponse,
    WaitTimeout,
)
from captiond.client.connection import request_arguments
from captiond.client.downloads import download, save
from captiond.client.exchange import (
    MAX_RETRY_AFTER_SECONDS,
    Done,
    Emit,
    Iteration,
    Open,
    Operation,
    Outcome,
    Pause,
    Read,
    T,
    advance,
)
from captiond.client.follow import EventParser, follow
from captiond.client.operations import change, change_dead_letters, images, status, upload, wait
from captiond.client.requests import Request, Upload, make_parameters
from captiond.client.values import parse_value, to_document

RETRIES = Retries(max_attempts=3, first_pause_seconds=0)
BROKEN = httpx.ReadError("connection reset")
IMAGE_ID = "0197a3b4-0000-7000-8000-000000000001"
IMAGE = {
    "id": IMAGE_ID,
    "received_at": "2026-11-23T22:31:00.123456Z",
    "stored_at": "2026-11-23T22:31:01.000000Z",
    "description": "Gate 4",
    "width": 64,
    "height": 80,
    "bytes": 1000,
    "sha256": "00",
    "upload_sha256": "11",
    "method": "lossless",
    "caption": None,
    "future": "field",
}


class Script:
    """Responses, each a status, headers and the chunks of its body. A chunk may be an error of the connection."""

    def __init__(self, *responses: "Scripted | httpx.HTTPError") -> None:
        self._responses = list(responses)
        self._chunks: list[Chunk] = []
        self.requests: list[Request] = []
        self.pauses: list[float] = []

    def perform(self, step: Open | Read | Pause) -> Outcome:
        if isinstance(step, Pause):
            self.pauses.append(step.seconds)
            return None
        if isinstance(step, Read):
            return self._chunks.pop(0) if self._chunks else b""
        self.requests.append(step.request)
        response = self._responses.pop(0)
        if isinstance(response, httpx.HTTPError):
            return response
        code, headers, self._chunks = response[0], response[1], list(response[2])
        return httpx.Response(code, headers=headers, request=httpx.Request("GET", "http://server"))

    def run(self, operation: Operation[T]) -> T:
        step = advance(operation, None)
        while not isinstance(step, Done):
            step = advance(operation, self.perform(step))
        return step.value

    def take(self, iteration: Iteration[T], count: int) -> list[T]:
        """Run until `count` values were emitted, or to the end."""
        values: list[T] = []
        step = advance(iteration, None)
        while not isinstance(step, Done) and len(values) < count:
            if isinstance(step, Emit):
                values.append(step.value)
                step = advance(iteration, None)
            else:
                step = advance(iteration, self.perform(step))
        return values


Chunk = bytes | httpx.HTTPError
Scripted = tuple[int, dict[str, str], Iterable[Chunk]]


def ok(document: object, **headers: str) -> Scripted:
    return 200, headers, [json.dumps(document).encode()]


def problem(code: int, name: str, **headers: str) -> Scripted:
    document = {"type": f"urn:captiond:problem:{name}", "title": "A title", "status": code, "detail": f"Detail {name}."}
    return code, {key.replace("_", "-"): value for key, value in headers.items()}, [json.dumps(document).encode()]


def test_transient_errors_are_retried_after_the_time_of_the_server() -> None:
    script = Script(problem(503, "unavailable", Retry_After="3"), BROKEN, ok({"id": IMAGE_ID, "status": "stored"}))

    assert script.run(status(IMAGE_ID, RETRIES)) == Status(id=IMAGE_ID, status="stored")
    assert script.pauses == [3.0, 0.0]


def test_failures_before_a_pause_are_reported() -> None:
    script = Script(problem(503, "unavailable", Retry_After="3"), BROKEN, ok({"id": IMAGE_ID, "status": "stored"}))
    reported: list[tuple[str, int]] = []

    script.run(
        status(IMAGE_ID, replace(RETRIES, on_failure=lambda error, attempt: reported.append((str(error), attempt))))
    )

    assert [attempt for _, attempt in reported] == [1, 2]
    assert reported[0][0] == "Detail unavailable."
    assert "is unreachable" in reported[1][0]


@pytest.mark.parametrize(("header", "seconds"), [("1e9", MAX_RETRY_AFTER_SECONDS), ("-1", 0.0)])
def test_pause_of_the_server_is_limited(header: str, seconds: float) -> None:
    script = Script(problem(429, "rate-limited", Retry_After=header), ok({"id": IMAGE_ID, "status": "queued"}))

    script.run(status(IMAGE_ID, Retries(first_pause_seconds=9)))

    assert script.pauses == [seconds]


@pytest.mark.parametrize("header", ["Wed, 21 Oct 2026 07:28:00 GMT", "nan", "inf", ""])
def test_other_pause_of_the_server_is_ignored(header: str) -> None:
    script = Script(problem(503, "overloaded", Retry_After=header), ok({"id": IMAGE_ID, "status": "queued"}))

    script.run(status(IMAGE_ID, RETRIES))

    assert script.pauses == [0.0]


def test_retries_end_with_the_reason_and_the_pause_of_the_server() -> None:
    script = Script(BROKEN, BROKEN, problem(503, "queue-full", Retry_After="7"))

    with pytest.raises(Unavailable, match=r"^Detail queue-full\.$") as caught:
        script.run(status(IMAGE_ID, RETRIES))

    assert caught.value.retry_after_seconds == 7
    assert len(script.requests) == 3


def test_refused_request_is_not_retried() -> None:
    script = Script(problem(404, "unknown-image"))

    with pytest.raises(ProblemError) as caught:
        script.run(status("../x?", RETRIES))

    error = caught.value
    assert (error.status, error.name, error.title, error.detail) == (
        404,
        "unknown-image",
        "A title",
        "Detail unknown-image.",
    )
    assert script.requests[0].path == "/api/images/..%2Fx%3F/status"


@pytest.mark.parametrize(("code", "name"), [(500, "file-missing"), (500, "file-altered"), (404, "original-gone")])
def test_problem_of_a_file_is_not_retried(code: int, name: str) -> None:
    with pytest.raises(ProblemError, match=name):
        Script(problem(code, name)).run(download(Request("GET", "/"), RETRIES))


@pytest.mark.parametrize(
    ("response", "detail"),
    [
        ((302, {"Location": "https://other/"}, []), "redirect to https://other/"),
        ((404, {}, [b"<html>"]), "HTTP 404"),
        ((404, {}, [b"[" * 100_000]), "HTTP 404"),
        ((403, {}, [b"1"]), "HTTP 403"),
    ],
    ids=["redirect", "page", "nested", "number"],
)
def test_error_of_another_server_has_its_status(response: Scripted, detail: str) -> None:
    with pytest.raises(ProblemError) as caught:
        Script(response).run(status(IMAGE_ID, RETRIES))

    assert (caught.value.detail, caught.value.type) == (detail, "about:blank")


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"1", b"[" * 100_000, b'{"id": 1, "status": null}'])
def test_success_of_another_server_is_an_error(body: bytes) -> None:
    with pytest.raises(UnexpectedResponse):
        Script((200, {}, [body])).run(status(IMAGE_ID, RETRIES))


def test_too_large_response_is_not_read_to_its_end() -> None:
    endless = Script((200, {}, [bytes(1 << 20)] * 100))

    with pytest.raises(UnexpectedResponse, match="more than 33554432 bytes"):
        endless.run(status(IMAGE_ID, RETRIES))


def test_every_attempt_of_an_upload_has_the_same_key() -> None:
    script = Script(BROKEN, ok({"id": IMAGE_ID, "received_at": "2026-11-23T22:31:00Z", "status": "queued"}))

    accepted = script.run(upload(Upload("Gate 4"), b"jpeg", RETRIES))

    assert accepted.id == IMAGE_ID
    assert len({request.headers["Idempotency-Key"] for request in script.requests}) == 1


@pytest.mark.parametrize(
    "other",
    [
        Upload("Gate 5"),
        Upload("Gate 4", camera="north"),
        Upload("Gate 4", labels={"speed": "83"}),
        Upload("Gate 4", captured_at="2026-11-23T22:31:00Z"),
    ],
)
def test_default_key_is_stable_and_depends_on_each_field(other: Upload) -> None:
    key = Upload("Gate 4").to_request(b"jpeg").headers["Idempotency-Key"]

    # Another value would store images again that an earlier release has sent.
    assert key == "client-d7f8f47f9ba99d0b56d1ea2076d3ca00077c97b9f5cf7e4908e01995251a8de9"
    assert other.to_request(b"jpeg").headers["Idempotency-Key"] != key
    assert Upload("Gate 4").to_request(b"JPEG").headers["Idempotency-Key"] != key


def test_given_key_replaces_the_default() -> None:
    assert Upload("", idempotency_key="own").to_request(b"").headers["Idempotency-Key"] == "own"


def test_time_without_offset_is_refused() -> None:
    with pytest.raises(ValueError, match=r"has no offset from UTC; use for example datetime\.now\(UTC\)"):
        Upload("", captured_at=datetime(2026, 11, 23)).to_request(b"")  # noqa: DTZ001 - without offset


def test_filters_become_query_parameters() -> None:
    east = timezone(timedelta(hours=3))

    assert make_parameters({"search": "a", "received_from": datetime(2026, 1, 2, tzinfo=east), "damaged": False}) == [
        ("q", "a"),
        ("from", "2026-01-02T00:00:00+03:00"),
        ("damaged", "false"),
    ]
    assert make_parameters({"labels": {"a": "1", "b": "x:y"}, "camera": None}) == [("label", "a:1"), ("label", "b:x:y")]


def test_pages_follow_the_query_of_the_link_header() -> None:
    link = '</prefix/api/images?camera=x&before=1_2>; rel="next"'
    script = Script(ok([IMAGE], Link=link), BROKEN, ok([IMAGE]))

    found = script.take(images([("camera", "x")], RETRIES), 10)

    assert [image.id for image in found] == [IMAGE_ID] * 2
    assert [list(request.parameters) for request in script.requests[1:]] == [[("camera", "x"), ("before", "1_2")]] * 2
    assert {request.path for request in script.requests} == {"/api/images"}


def test_no_page_is_fetched_after_the_last_wanted_image() -> None:
    script = Script(ok([IMAGE, IMAGE], Link='</?before=1>; rel="next"'))

    assert len(script.take(images([], RETRIES, max_images=1), 10)) == 1
    assert list(script.requests[0].parameters) == [("limit", "1")]


def test_values_ignore_unknown_fields_and_convert_back() -> None:
    image = parse_value(Image, IMAGE)

    assert image.received_at == datetime(2026, 11, 23, 22, 31, 0, 123456, tzinfo=UTC)
    assert image.labels == {}
    document = to_document(image)
    assert {name: document[name] for name in IMAGE if name != "future"} == {
        name: value for name, value in IMAGE.items() if name != "future"
    }


def test_download_starts_again_after_a_broken_connection(tmp_path: Path) -> None:
    target = tmp_path / "image.jpg"
    sink = io.BytesIO(b"before")
    sink.seek(6)
    responses: list[Scripted] = [(200, {}, [b"half of a longer", BROKEN]), (200, {}, [b"who", b"le"])]

    assert Script(*responses).run(download(Request("GET", "/"), RETRIES)) == b"whole"
    Script(*responses).run(save(Request("GET", "/"), RETRIES, target))
    Script(*responses).run(save(Request("GET", "/"), RETRIES, sink))

    assert target.read_bytes() == b"whole"
    assert sink.getvalue() == b"beforewhole"


def test_failed_download_leaves_an_existing_file(tmp_path: Path) -> None:
    target = tmp_path / "image.jpg"
    target.write_bytes(b"old")

    with pytest.raises(ProblemError):
        Script((200, {}, [b"half", BROKEN]), problem(410, "image-deleted")).run(
            save(Request("GET", "/"), RETRIES, target)
        )

    assert [path.name for path in tmp_path.iterdir()] == ["image.jpg"]
    assert target.read_bytes() == b"old"


def test_pipe_does_not_get_the_same_bytes_twice() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    pipe = Pipe()
    script = Script((200, {}, [b"half", BROKEN]), (200, {}, [b"whole"]))

    with pytest.raises(Unavailable, match="cannot be written again"):
        script.run(save(Request("GET", "/"), RETRIES, pipe))

    assert pipe.getvalue() == b"half"


def test_file_opened_for_appending_keeps_its_content(tmp_path: Path) -> None:
    target = tmp_path / "images"
    target.write_bytes(b"before")
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_APPEND), "wb") as sink, pytest.raises(Unavailable):
        Script((200, {}, [b"half", BROKEN]), (200, {}, [b"whole"])).run(save(Request("GET", "/"), RETRIES, sink))

    assert target.read_bytes() == b"beforehalf"


def test_link_and_device_are_written_and_not_replaced(tmp_path: Path) -> None:
    target, link, device = tmp_path / "image.jpg", tmp_path / "link.jpg", tmp_path / "device.jpg"
    link.symlink_to(target)
    device.symlink_to("/dev/null")

    for destination in (link, device, Path("/dev/null")):
        Script((200, {}, [b"whole"])).run(save(Request("GET", "/"), RETRIES, destination))

    assert (link.is_symlink(), target.read_bytes()) == (True, b"whole")
    assert Path("/dev/null").is_char_device()
    with pytest.raises(Unavailable, match="cannot be written again"):
        Script((200, {}, [b"half", BROKEN]), (200, {}, [b"whole"])).run(save(Request("GET", "/"), RETRIES, device))


def test_request_that_the_client_cannot_send_is_not_retried() -> None:
    script = Script(httpx.LocalProtocolError("Illegal header value"))

    with pytest.raises(Unavailable, match="Illegal header value"):
        script.run(status(IMAGE_ID, RETRIES))


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        (Request("GET", "/", [("q", "a\udcff")]), "q"),
        (Request("POST", "/", data={"description": "a\udcff"}, jpeg=b""), "description"),
        (Request("GET", "/", headers={"Last-Event-ID": "ü"}), "Last-Event-ID"),
        (Request("GET", "/", headers={"Last-Event-ID": "0-0\r"}), "Last-Event-ID"),
        (Request("GET", "/", headers={"Last-Event-ID": "0-0 "}), "Last-Event-ID"),
    ],
    ids=["parameter", "field", "header", "control", "space"],
)
def test_value_that_cannot_be_sent_is_named(request_: Request, name: str) -> None:
    with pytest.raises(InvalidValue, match=f"^{name}: "):
        request_arguments(request_, httpx.Timeout(60))


def test_id_that_cannot_be_sent_is_named() -> None:
    with pytest.raises(InvalidValue, match=r"^id: "):
        Script().run(status("\udcff", RETRIES))


def test_waiting_survives_more_failures_than_the_retries_and_shortens_the_timeout() -> None:
    script = Script(*[BROKEN] * 4, problem(503, "unavailable"), ok({"id": IMAGE_ID, "status": "stored"}))

    assert script.run(wait(IMAGE_ID, 30, RETRIES)).status == "stored"
    arguments = request_arguments(script.requests[0], httpx.Timeout(60))
    assert 5 <= arguments["timeout"] <= 30
    assert request_arguments(script.requests[0], httpx.Timeout(2))["timeout"] == 2


def test_waiting_ends_in_time() -> None:
    known = Script(ok({"id": IMAGE_ID, "status": "queued"}))

    with pytest.raises(WaitTimeout):
        known.run(wait(IMAGE_ID, 0, RETRIES))
    with pytest.raises(Unavailable):
        Script(BROKEN).run(wait(IMAGE_ID, 0, RETRIES))


def test_deletion_whose_response_was_lost_is_done() -> None:
    lost = Script(BROKEN, problem(410, "image-deleted"))
    first = Script(problem(410, "image-deleted"))

    lost.run(change("DELETE", "/", None, RETRIES))
    with pytest.raises(ProblemError):
        first.run(change("DELETE", "/", None, RETRIES))

    assert len(lost.requests) == 2


def test_dead_letters_are_changed_in_batches_until_none_remains() -> None:
    letters = [
        DeadLetter(queue="uploads", entry=f"1-{number}", rejected_at=datetime.now(UTC), error="x")
        for number in range(150)
    ]
    result = {"missing": 1, "failed": 0, "error": None, "remaining": 0, "next": None}
    rest = {"letters": [{"queue": "uploads", "entry": "1-99"}]}
    script = Script(
        ok({**result, "retried": 98, "next": rest}), ok({**result, "retried": 1}), ok({**result, "retried": 50})
    )

    done = script.run(change_dead_letters("retry", letters, RETRIES))

    assert (done.changed, done.missing, done.failed, done.error) == (149, 3, 0, None)
    assert script.requests[1].json == rest
    assert [request.path for request in script.requests] == ["/api/dead-letters/retry"] * 3


STREAM = (
    b'event: status\r\nid: 1-0\r\ndata: {"id": "a", "status": "queued"}\r\n\r\n: keep-alive\n\n'
    b'event: status\nid: 2-0\ndata: {"id": "a", "status": "stored", "camera": "x"}\n\nevent: other\ndata: 1\n\n'
)
EVENTS = [
    Event(event_id="1-0", id="a", status="queued"),
    Event(event_id="2-0", id="a", status="stored", camera="x"),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_do_not_depend_on_the_chunks(size: int) -> None:
    parser = EventParser()
    chunks = [STREAM[start : start + size] for start in range(0, len(STREAM), size)]

    assert [event for chunk in chunks for event in parser.feed(chunk)] == EVENTS


def test_endless_event_is_an_error() -> None:
    with pytest.raises(UnexpectedResponse, match="more than 1048576 bytes"):
        list(EventParser().feed(bytes((1 << 20) + 1)))


def test_events_resume_after_the_last_one() -> None:
    kind = {"Content-Type": "text/event-stream; charset=utf-8"}
    script = Script(
        (200, kind, [STREAM[:90], BROKEN]), problem(503, "overloaded", Retry_After="2"), (200, kind, [STREAM[70:]])
    )

    assert script.take(follow(None, fields=False, retries=RETRIES), 2) == EVENTS

    assert "Last-Event-ID" not in script.requests[0].headers
    assert [request.headers["Last-Event-ID"] for request in script.requests[1:]] == ["1-0", "1-0"]


def test_events_resume_where_the_stream_began() -> None:
    kind = {"Content-Type": "text/event-stream"}
    script = Script((200, kind, [b"id: 0-7\n\n", b": keep-alive\n\n", BROKEN]), (200, kind, [b"id: 0-7\n\n" + STREAM]))

    assert script.take(follow(None, fields=False, retries=RETRIES), 2) == EVENTS
    assert script.requests[1].headers["Last-Event-ID"] == "0-7"
    assert script.pauses == [1.0]


def test_streams_without_a_byte_are_failed_attempts() -> None:
    empty: Scripted = (200, {"Content-Type": "text/event-stream"}, [])
    good: Scripted = (200, {"Content-Type": "text/event-stream"}, [b": keep-alive\n\n"])
    script = Script(empty, empty, good, empty, empty, empty)

    with pytest.raises(Unavailable, match="ends at once"):
        script.take(follow("1-0", fields=False, retries=RETRIES), 1)

    assert script.pauses == [0.0, 0.0, 1.0, 0.0, 0.0]


def test_stream_of_another_kind_is_an_error() -> None:
    with pytest.raises(UnexpectedResponse, match="instead of text/event-stream"):
        Script((200, {"Content-Type": "text/html"}, [b"<html>"])).take(follow(None, fields=True, retries=RETRIES), 1)
