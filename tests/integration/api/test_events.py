import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest

from tests.integration.api.serving import Api, jpeg, problem

CONTENT = jpeg()


@dataclass(frozen=True, slots=True)
class Seen:
    """One server-sent event."""

    cursor: str
    image_id: str
    status: str


@contextmanager
def following(api: Api, **headers: str) -> Iterator[Iterator[Seen]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with api.client.stream("GET", "/api/events", headers=named) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield read(answer)


def read(answer: httpx.Response) -> Iterator[Seen]:
    fields: dict[str, str] = {}
    for line in answer.iter_lines():
        name, _, value = line.partition(": ")
        if name and not line.startswith(":"):
            fields[name] = value
        elif fields:
            assert fields["event"] == "status"
            data = json.loads(fields["data"])
            yield Seen(fields["id"], data["id"], data["status"])
            fields = {}


def test_every_change_of_every_image_is_told_from_the_beginning_of_the_stream(own_api: Api) -> None:
    with following(own_api, Last_Event_ID="0-0") as events:
        first = own_api.send(CONTENT, "one").json()["id"]
        own_api.caption()
        own_api.store()
        second = own_api.send(CONTENT, "two").json()["id"]
        own_api.fail(ValueError("broken"))

        seen = [next(events) for _ in range(5)]

    assert [(event.image_id, event.status) for event in seen] == [
        (first, "queued"),
        (first, "captioned"),
        (first, "stored"),
        (second, "queued"),
        (second, "failed"),
    ]


def test_who_comes_back_misses_nothing_and_gets_nothing_twice(own_api: Api) -> None:
    own_api.send(CONTENT, "one")
    with following(own_api, Last_Event_ID="0-0") as events:
        last = next(events)
    own_api.caption()
    own_api.store()

    with following(own_api, Last_Event_ID=last.cursor) as events:
        assert [next(events).status for _ in range(2)] == ["captioned", "stored"]


def test_without_a_cursor_only_the_new_is_told(own_api: Api) -> None:
    old = own_api.send(CONTENT, "old").json()["id"]

    with following(own_api) as events:
        # The stream begins a moment after its headers, so images are sent until one is seen.
        new = [own_api.send(CONTENT, f"new {number}").json()["id"] for number in range(3)]
        own_api.caption()
        event = next(events)

    assert event.image_id in {old, *new}
    assert (event.image_id, event.status) != (old, "queued")


@pytest.mark.parametrize(
    "cursor", ["yesterday", "1", "1-2-3", "-1-0", "99999999999999999999-0", "0-18446744073709551616"]
)
def test_a_cursor_that_cannot_be_one_is_422(api: Api, cursor: str) -> None:
    answer = api.client.get("/api/events", headers={"Last-Event-ID": cursor})

    assert problem(answer) == (422, "invalid-request")


def test_many_may_follow_at_once(own_api: Api) -> None:
    with following(own_api, Last_Event_ID="0-0") as one, following(own_api, Last_Event_ID="0-0") as other:
        sent = own_api.send(CONTENT, "x").json()["id"]

        assert (next(one).image_id, next(other).image_id) == (sent, sent)
