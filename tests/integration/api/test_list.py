import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from captiond.archive import Record, migrate
from captiond.image import Labels
from captiond.services.api.http.paging import write_cursor
from tests.contract.archive.making import replace_image
from tests.integration.api.serving import Api, Backends, jpeg, open_api, problem, record
from tests.servers.queues import RedisServer

CONTENT = jpeg()
START = datetime(2026, 1, 1, tzinfo=UTC)
NEXT = re.compile(r'<(/api/images\?[^>]+)>; rel="next"')


def make_record(description: str, minutes: int = 0) -> Record:
    return record(CONTENT, description, START + timedelta(minutes=minutes))


def listed(api: Api, **query: str | int) -> list[str]:
    response = api.client.get("/api/images", params=query)
    assert response.status_code == 200, response.text
    return [image["description"] for image in response.json()]


def pages(api: Api, url: str) -> Iterator[httpx.Response]:
    """Follow the Link headers to the last page."""
    while True:
        response = api.client.get(url)
        assert response.status_code == 200, response.text
        yield response
        if "link" not in response.headers:
            return
        found = NEXT.fullmatch(response.headers["link"])
        assert found
        url = found[1]


def test_empty_archive_returns_an_empty_list(own_api: Api) -> None:
    response = own_api.client.get("/api/images")

    assert (response.status_code, response.json()) == (200, [])
    assert "link" not in response.headers


def test_listed_image_has_all_fields(own_api: Api) -> None:
    [archived] = own_api.archive(make_record("Привет", 5))

    [image] = own_api.client.get("/api/images").json()

    expected = {
        "id": str(archived.id),
        "received_at": "2026-01-01T00:05:00.000000Z",
        "description": "Привет",
        "stored_at": f"{archived.stored_at.replace(tzinfo=None).isoformat(timespec='microseconds')}Z",
        "width": 16,
        "height": 16,
        "bytes": len(CONTENT),
        "sha256": archived.sha256.hex(),
        "upload_sha256": archived.upload_sha256.hex(),
        "method": "lossless",
        "reencode_reason": None,
        "redraw_reason": None,
        "damage": "unchecked",
        "caption": None,
        "captured_at": None,
        "camera": None,
        "labels": {},
        "held": False,
    }
    assert image == expected


def test_reencoded_image_is_listed_with_its_reason_under_the_new_and_the_old_name(own_api: Api) -> None:
    own_api.archive(replace_image(make_record("x"), reencode_reason="progressive"))

    [image] = own_api.client.get("/api/images").json()

    assert (image["method"], image["reencode_reason"], image["redraw_reason"]) == (
        "reencoded",
        "progressive",
        "progressive",
    )


def archive_each_damage(api: Api) -> None:
    damages = {"half": "the scan ends early (MCU 41 of 80)", "whole": None, "unchecked": "unchecked"}
    api.archive(*(replace_image(make_record(name), damage=damage) for name, damage in damages.items()))


@pytest.mark.parametrize(("damaged", "expected"), [("true", ["half"]), ("false", ["whole"])])
def test_list_can_be_limited_to_damaged_or_intact_photos(own_api: Api, damaged: str, expected: list[str]) -> None:
    archive_each_damage(own_api)

    assert listed(own_api, damaged=damaged) == expected
    assert len(listed(own_api)) == 3


@pytest.mark.parametrize(("reencoded", "expected"), [("true", ["progressive"]), ("false", ["baseline"])])
def test_list_can_be_limited_to_reencoded_or_lossless_photos(own_api: Api, reencoded: str, expected: list[str]) -> None:
    own_api.archive(
        make_record("baseline"), replace_image(make_record("progressive"), reencode_reason="progressive photo")
    )

    assert listed(own_api, reencoded=reencoded) == expected


def test_list_is_sorted_newest_first(own_api: Api) -> None:
    own_api.archive(make_record("two", 2), make_record("three", 3), make_record("one", 1))

    assert listed(own_api) == ["three", "two", "one"]


def test_paging_over_equal_times_returns_every_image_once(own_api: Api) -> None:
    records = [make_record(f"number {number}", number // 40) for number in range(130)]
    own_api.archive(*records)

    responses = list(pages(own_api, "/api/images?limit=7"))

    assert [len(response.json()) for response in responses] == [7] * 18 + [4]
    images = [image for response in responses for image in response.json()]
    assert sorted(image["id"] for image in images) == sorted(str(record.image.id) for record in records)
    times = [image["received_at"] for image in images]
    assert times == sorted(times, reverse=True)


def test_full_last_page_has_no_next_link(own_api: Api) -> None:
    own_api.archive(*(make_record(f"{number}", number) for number in range(4)))

    assert [len(response.json()) for response in pages(own_api, "/api/images?limit=2")] == [2, 2]


def test_new_images_do_not_shift_later_pages(own_api: Api) -> None:
    own_api.archive(*(make_record(f"old {number}", number) for number in range(4)))
    following = pages(own_api, "/api/images?limit=2")
    first = next(following).json()
    own_api.archive(make_record("new", 60))

    second = next(following).json()

    assert [image["description"] for image in first + second] == ["old 3", "old 2", "old 1", "old 0"]


def test_next_link_keeps_the_filters(own_api: Api) -> None:
    own_api.archive(*(make_record(f"дом {number}", number) for number in range(4)), make_record("сад", 2))

    responses = list(pages(own_api, "/api/images?limit=2&q=ДОМ&from=2026-01-01T00:01:00Z&to=2026-01-01T00:04:00Z"))

    assert [[image["description"] for image in response.json()] for response in responses] == [
        ["дом 3", "дом 2"],
        ["дом 1"],
    ]


def test_default_limit_is_100(own_api: Api) -> None:
    own_api.archive(*(make_record(f"{number}", number) for number in range(101)))

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
def test_search_ignores_case_and_has_no_wildcards(own_api: Api, text: str, expected: list[str]) -> None:
    names = ("Начала Фазы", "Straße", "100% sure", "100 percent", "snake_case", "snakeXcase", "back\\slash", "йод")
    own_api.archive(*(make_record(name) for name in names))

    assert listed(own_api, q=text) == expected


def test_from_is_inclusive_and_to_is_exclusive(own_api: Api) -> None:
    own_api.archive(*(make_record(f"{minute}", minute) for minute in range(5)))

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
        ("damaged", "maybe"),
        ("damaged", ""),
        ("reencoded", "maybe"),
    ],
)
def test_invalid_parameter_returns_422_with_its_name(api: Api, name: str, value: str) -> None:
    response = api.client.get("/api/images", params={name: value})

    assert problem(response) == (422, "invalid-request")
    assert [error["field"] for error in response.json()["errors"]] == [name]


def test_all_invalid_parameters_are_reported_together(api: Api) -> None:
    response = api.client.get("/api/images?limit=0&before=x&from=y")

    assert {error["field"] for error in response.json()["errors"]} == {"limit", "before", "from"}
    assert (
        "before: is not a cursor; use the value from the Link header of the previous page" in response.json()["detail"]
    )


def test_cursor_accepts_any_representable_time(own_api: Api) -> None:
    [image] = own_api.archive(make_record("x"))

    assert listed(own_api, before=write_cursor((image.received_at, image.id))) == []
    assert listed(own_api, before=f"-62135596800000000_{uuid.UUID(int=0)}") == []
    assert listed(own_api, before=f"253402300799999999_{uuid.UUID(int=0)}") == ["x"]


def test_paging_and_search_work_on_every_database(valkey: RedisServer, tmp_path: Path, database_url: str) -> None:
    migrate(database_url)
    with open_api(Backends(valkey.url, tmp_path, database_url)) as api:
        api.archive(*(make_record(f"Фаза {number} 🚦", number // 2) for number in range(5)))

        [first, *rest] = pages(api, "/api/images?limit=2&q=фаза&from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z")

        assert first.json()[0]["description"] == "Фаза 4 🚦"
        assert [len(page.json()) for page in rest] == [2, 1]
        archive_each_damage(api)
        assert (listed(api, damaged="true"), listed(api, damaged="false", q="whol")) == (["half"], ["whole"])
        assert listed(api, before=f"-62135596800000000_{uuid.UUID(int=0)}") == []
        assert listed(api, camera="\0") == listed(api, label="plate:\0") == listed(api, camera="\0", q="x") == []
        assert len(listed(api, before=f"253402300799999999_{uuid.UUID(int=0)}")) == 8


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("camera=north", ["second", "first"]),
        ("label=speed:83", ["second"]),
        ("label=speed:83&label=lane:a:b", ["second"]),
        ("label=speed:83&label=lane:c", []),
        ("captured_from=2026-01-01T00:00:00Z", ["second"]),
        ("captured_to=2026-01-01T00:00:00Z", ["first"]),
        ("camera=north&q=FIRST", ["first"]),
    ],
)
def test_list_can_be_filtered_by_stated_fields(own_api: Api, query: str, expected: list[str]) -> None:
    own_api.archive(
        replace_image(make_record("first", 1), camera="north", captured_at=START - timedelta(hours=1)),
        replace_image(
            make_record("second", 2), camera="north", captured_at=START, labels=Labels(speed="83", lane="a:b")
        ),
        make_record("third", 3),
    )

    response = own_api.client.get(f"/api/images?{query}")

    assert [image["description"] for image in response.json()] == expected


@pytest.mark.parametrize(
    "filters",
    [{"camera": "Cafe\u0301"}, {"camera": " Caf\u00e9 "}, {"label": "place:Cafe\u0301"}, {"camera": "e\u0301" * 64}],
)
def test_filters_find_names_in_any_normal_form(own_api: Api, filters: dict[str, str]) -> None:
    own_api.archive(
        replace_image(make_record("1", 1), camera="Caf\u00e9"),
        replace_image(make_record("2", 2), labels=Labels(place="Caf\u00e9")),
        replace_image(make_record("3", 3), camera="\u00e9" * 64),
    )

    response = own_api.client.get("/api/images", params=filters)

    assert len(response.json()) == 1


def test_filters_are_kept_in_the_link_to_the_next_page(own_api: Api) -> None:
    own_api.archive(*(replace_image(make_record(f"{n}", n), labels=Labels(lane="1")) for n in range(5)))

    found = [
        image["description"] for page in pages(own_api, "/api/images?label=lane:1&limit=2") for image in page.json()
    ]

    assert found == ["4", "3", "2", "1", "0"]


@pytest.mark.parametrize("query", ["label=speed", "label=Speed:83", "captured_from=2026", f"camera={'x' * 65}"])
def test_invalid_filter_returns_422(own_api: Api, query: str) -> None:
    assert own_api.client.get(f"/api/images?{query}").status_code == 422
