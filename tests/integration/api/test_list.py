import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from captiond.archive import Record, migrate
from captiond.services.api.http.paging import write_cursor
from tests.integration.api.serving import Api, Behind, jpeg, open_api, problem, record
from tests.servers.queues import RedisServer

CONTENT = jpeg()
START = datetime(2026, 1, 1, tzinfo=UTC)
NEXT = re.compile(r'<(/api/images\?[^>]+)>; rel="next"')


def made(description: str, minutes: int = 0) -> Record:
    return record(CONTENT, description, START + timedelta(minutes=minutes))


def listed(api: Api, **query: str | int) -> list[str]:
    answer = api.client.get("/api/images", params=query)
    assert answer.status_code == 200, answer.text
    return [image["description"] for image in answer.json()]


def pages(api: Api, url: str) -> Iterator[httpx.Response]:
    """Follow the Link headers."""
    while True:
        answer = api.client.get(url)
        assert answer.status_code == 200, answer.text
        yield answer
        if "link" not in answer.headers:
            return
        found = NEXT.fullmatch(answer.headers["link"])
        assert found
        url = found[1]


def test_an_empty_archive_is_an_empty_list(own_api: Api) -> None:
    answer = own_api.client.get("/api/images")

    assert (answer.status_code, answer.json()) == (200, [])
    assert "link" not in answer.headers


def test_an_image_is_listed_with_all_that_is_known_of_it(own_api: Api) -> None:
    [kept] = own_api.keep(made("Привет", 5))

    [image] = own_api.client.get("/api/images").json()

    expected = {
        "id": str(kept.id),
        "received_at": "2026-01-01T00:05:00.000000Z",
        "description": "Привет",
        "stored_at": f"{kept.stored_at.replace(tzinfo=None).isoformat(timespec='microseconds')}Z",
        "width": 16,
        "height": 16,
        "bytes": len(CONTENT),
        "sha256": kept.sha256.hex(),
        "upload_sha256": kept.upload_sha256.hex(),
    }
    assert {name: image[name] for name in expected} == expected


def test_the_newest_come_first(own_api: Api) -> None:
    own_api.keep(made("two", 2), made("three", 3), made("one", 1))

    assert listed(own_api) == ["three", "two", "one"]


def test_pages_of_equal_times_hold_every_image_once(own_api: Api) -> None:
    records = [made(f"number {number}", number // 40) for number in range(130)]
    own_api.keep(*records)

    answers = list(pages(own_api, "/api/images?limit=7"))

    assert [len(answer.json()) for answer in answers] == [7] * 18 + [4]
    images = [image for answer in answers for image in answer.json()]
    assert sorted(image["id"] for image in images) == sorted(str(record.image.id) for record in records)
    times = [image["received_at"] for image in images]
    assert times == sorted(times, reverse=True)


def test_a_last_page_that_is_full_has_no_next(own_api: Api) -> None:
    own_api.keep(*(made(f"{number}", number) for number in range(4)))

    assert [len(answer.json()) for answer in pages(own_api, "/api/images?limit=2")] == [2, 2]


def test_images_that_arrive_between_two_pages_move_nothing(own_api: Api) -> None:
    own_api.keep(*(made(f"old {number}", number) for number in range(4)))
    following = pages(own_api, "/api/images?limit=2")
    first = next(following).json()
    own_api.keep(made("new", 60))

    second = next(following).json()

    assert [image["description"] for image in first + second] == ["old 3", "old 2", "old 1", "old 0"]


def test_the_link_keeps_what_was_asked_for(own_api: Api) -> None:
    own_api.keep(*(made(f"дом {number}", number) for number in range(4)), made("сад", 2))

    answers = list(pages(own_api, "/api/images?limit=2&q=ДОМ&from=2026-01-01T00:01:00Z&to=2026-01-01T00:04:00Z"))

    assert [[image["description"] for image in answer.json()] for answer in answers] == [["дом 3", "дом 2"], ["дом 1"]]


def test_a_hundred_are_listed_where_no_limit_is_given(own_api: Api) -> None:
    own_api.keep(*(made(f"{number}", number) for number in range(101)))

    assert len(listed(own_api)) == 100
    assert len(listed(own_api, limit=1000)) == 101
    assert len(listed(own_api, limit=1)) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("фазы", ["Начала Фазы"]),
        ("ФАЗЫ", ["Начала Фазы"]),
        ("ала фаз", ["Начала Фазы"]),
        ("strasse", ["Straße"]),
        ("100%", ["100% sure"]),
        ("%", ["100% sure"]),
        ("_", ["snake_case"]),
        ("\\", ["back\\slash"]),
        ("'; DROP TABLE images; --", []),
        ("\0", []),
        ("й", ["йод"]),
        ("и\u0306", ["йод"]),
        ("nothing has this", []),
    ],
)
def test_text_is_found_in_any_case_and_literally(own_api: Api, text: str, expected: list[str]) -> None:
    names = ("Начала Фазы", "Straße", "100% sure", "100 percent", "snake_case", "snakeXcase", "back\\slash", "йод")
    own_api.keep(*(made(name) for name in names))

    assert listed(own_api, q=text) == expected


def test_from_is_within_and_to_is_without(own_api: Api) -> None:
    own_api.keep(*(made(f"{minute}", minute) for minute in range(5)))

    assert listed(own_api, **{"from": "2026-01-01T00:01:00Z", "to": "2026-01-01T00:03:00Z"}) == ["2", "1"]
    assert listed(own_api, **{"from": "2026-01-01T03:03:00+03:00"}) == ["4", "3"]
    assert listed(own_api, to="2026-01-01T00:00:00.000001Z") == ["0"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"),
        ("limit", "1001"),
        ("limit", "-1"),
        ("limit", "many"),
        ("limit", "9" * 5000),
        ("before", "yesterday"),
        ("before", "1_2"),
        ("before", f"{10**40}_{uuid.UUID(int=7)}"),
        ("before", "x" * 100),
        ("from", "2026-01-01T00:00:00"),
        ("from", "soon"),
        ("from", "1767225600"),
        ("to", "-1.5"),
        ("to", "2.2e-309"),
        ("to", "2026-01-01"),
        ("from", "0001-01-01T00:00:00+01:00"),
        ("to", "9999-12-31T23:59:59-01:00"),
        ("q", ""),
        ("q", "x" * 201),
    ],
)
def test_a_wrong_parameter_is_422_and_named(api: Api, name: str, value: str) -> None:
    answer = api.client.get("/api/images", params={name: value})

    assert problem(answer) == (422, "invalid-request")
    assert [error["field"] for error in answer.json()["errors"]] == [name]


def test_all_wrong_parameters_are_named_at_once(api: Api) -> None:
    answer = api.client.get("/api/images?limit=0&before=x&from=y")

    assert {error["field"] for error in answer.json()["errors"]} == {"limit", "before", "from"}
    assert "before: is no cursor; take it from the Link header of the page before" in answer.json()["detail"]


def test_a_cursor_may_be_of_any_time_that_can_be(own_api: Api) -> None:
    [kept] = own_api.keep(made("x"))

    assert listed(own_api, before=write_cursor(kept)) == []
    assert listed(own_api, before=f"-62135596800000000_{uuid.UUID(int=0)}") == []
    assert listed(own_api, before=f"253402300799999999_{uuid.UUID(int=0)}") == ["x"]


def test_every_database_finds_pages_texts_and_times(valkey: RedisServer, tmp_path: Path, database_url: str) -> None:
    migrate(database_url)
    with open_api(Behind(valkey.url, tmp_path, database_url)) as api:
        api.keep(*(made(f"Фаза {number} 🚦", number // 2) for number in range(5)))

        [first, *rest] = pages(api, "/api/images?limit=2&q=фаза&from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z")

        assert first.json()[0]["description"] == "Фаза 4 🚦"
        assert [len(page.json()) for page in rest] == [2, 1]
        assert listed(api, before=f"-62135596800000000_{uuid.UUID(int=0)}") == []
        assert len(listed(api, before=f"253402300799999999_{uuid.UUID(int=0)}")) == 5
