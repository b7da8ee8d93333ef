import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

import httpx
import pytest

from tests.integration.api.serving import Api, jpeg, problem

CONTENT = jpeg()


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """A server-sent event."""

    id: str
    image_id: str
    status: str


@contextmanager
def open_stream(api: Api, **headers: str) -> Iterator[Iterator[ReceivedEvent]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with api.client.stream("GET", "/api/events", headers=named) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield read_events(response)


def read_events(response: httpx.Response) -> Iterator[ReceivedEvent]:
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        name, _, value = line.partition(": ")
        if name and not line.startswith(":"):
            fields[name] = value
        elif fields:
            if "data" in fields:
                assert fields["event"] == "status"
                data = json.loads(fields["data"])
                yield ReceivedEvent(fields["id"], data["id"], data["status"])
            fields = {}


def test_stream_from_the_start_has_every_status_change(own_api: Api) -> None:
    with open_stream(own_api, Last_Event_ID="0-0") as events:
        first = own_api.send(CONTENT, "one").json()["id"]
        own_api.caption()
        own_api.store()
        second = own_api.send(CONTENT, "two").json()["id"]
        own_api.fail(ValueError("broken"))

        received = [next(events) for _ in range(5)]

    assert [(event.image_id, event.status) for event in received] == [
        (first, "queued"),
        (first, "captioned"),
        (first, "stored"),
        (second, "queued"),
        (second, "failed"),
    ]


def test_stream_resumes_after_the_last_event_id(own_api: Api) -> None:
    own_api.send(CONTENT, "one")
    with open_stream(own_api, Last_Event_ID="0-0") as events:
        last = next(events)
    own_api.caption()
    own_api.store()

    with open_stream(own_api, Last_Event_ID=last.id) as events:
        assert [next(events).status for _ in range(2)] == ["captioned", "stored"]


def test_stream_that_breaks_before_its_first_event_resumes_where_it_began(own_api: Api) -> None:
    own_api.send(CONTENT, "old")
    with own_api.client.stream("GET", "/api/events") as response:
        name, _, start = next(response.iter_lines()).partition(": ")
    sent = own_api.send(CONTENT, "new").json()["id"]

    assert name == "id"
    with open_stream(own_api, Last_Event_ID=start) as events:
        assert next(events).image_id == sent


def test_stream_without_last_event_id_has_new_events_only(own_api: Api) -> None:
    old = own_api.send(CONTENT, "old").json()["id"]

    with open_stream(own_api) as events:
        # The stream may begin after the response headers, so the first event is one of these.
        new = [own_api.send(CONTENT, f"new {number}").json()["id"] for number in range(3)]
        own_api.caption()
        event = next(events)

    assert event.image_id in {old, *new}
    assert (event.image_id, event.status) != (old, "queued")


@pytest.mark.parametrize(
    "cursor", ["yesterday", "1", "1-2-3", "-1-0", "99999999999999999999-0", "0-18446744073709551616"]
)
def test_invalid_last_event_id_returns_422(api: Api, cursor: str) -> None:
    response = api.client.get("/api/events", headers={"Last-Event-ID": cursor})

    assert problem(response) == (422, "invalid-request")


def test_several_clients_receive_the_same_event(own_api: Api) -> None:
    with open_stream(own_api, Last_Event_ID="0-0") as one, open_stream(own_api, Last_Event_ID="0-0") as other:
        sent = own_api.send(CONTENT, "x").json()["id"]

        assert (next(one).image_id, next(other).image_id) == (sent, sent)


def test_stored_event_has_the_requested_fields(own_api: Api) -> None:
    fields = {"captured_at": "2026-11-26T07:45:01Z", "camera": "North", "labels": '{"speed": "83"}'}
    with own_api.client.stream("GET", "/api/events?fields=true", headers={"Last-Event-ID": "0-0"}) as response:
        sent = own_api.client.post("/api/images", files={"image": CONTENT}, data={"description": "x", **fields})
        own_api.caption()
        own_api.store()
        plain = own_api.send(CONTENT, "without fields").json()["id"]
        own_api.caption()
        own_api.store()

        received = list(islice(read_data(response), 6))

    image_id = sent.json()["id"]
    assert [data for data in received if data["id"] == image_id] == [
        {"id": image_id, "status": "queued"},
        {"id": image_id, "status": "captioned"},
        {
            "id": image_id,
            "status": "stored",
            "captured_at": "2026-11-26T07:45:01.000000Z",
            "camera": "North",
            "labels": {"speed": "83"},
        },
    ]
    assert received[-1] == {"id": plain, "status": "stored"}


def test_events_with_fields_arrive_without_the_archive(own_api: Api) -> None:
    own_api.send(CONTENT, "x")
    own_api.caption()
    own_api.store()
    own_api.context.archive_access.is_available = False

    with own_api.client.stream("GET", "/api/events?fields=true", headers={"Last-Event-ID": "0-0"}) as response:
        received = list(islice(read_data(response), 3))

    assert [set(data) for data in received] == [{"id", "status"}] * 3


def read_data(response: httpx.Response) -> Iterator[dict[str, object]]:
    for line in response.iter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))
