"""Times, texts and ids of events."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from captiond.services.api.ingest.dahua import NAMES
from captiond.services.api.ingest.event import CameraEvent, Picture, cut, parse_time

MOSCOW = ZoneInfo("Europe/Moscow")
TEN = datetime(2026, 11, 26, 7, 45, 1, tzinfo=UTC)


def read(fields: dict[str, str], *pictures: Picture, camera: str | None = None) -> CameraEvent:
    return NAMES.read("dahua", fields, pictures, UTC, camera)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-26T10:45:01+03:00", TEN),
        ("2026-11-26T10:45:01 03:00", TEN),
        ("2026-11-26T02:45:01-0500", TEN),
        ("2026-11-26T07:45:01Z", TEN),
        ("2026-11-26T07:45:01.250Z", TEN.replace(microsecond=250_000)),
        ("2026-11-26 10:45:01", TEN),
        ("2026-11-26 10:45:01.250", TEN.replace(microsecond=250_000)),
        ("2026-11-26 10:45:01:250", TEN.replace(microsecond=250_000)),
        ("20261126104501", TEN),
        ("20261126104501250", TEN.replace(microsecond=250_000)),
        ("20261126T104501", TEN),
        (" 2026-11-26T07:45Z ", TEN.replace(second=0)),
        ("2026-11-26T10:45:01.123456789", TEN.replace(microsecond=123_456)),
    ],
)
def test_time_of_a_device_is_read(text: str, time: datetime) -> None:
    assert parse_time(text, MOSCOW) == time


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-02-30T10:45:01",
        "2026-11-26",
        "1764143101",
        "0001-01-01T00:00",
        "1899-12-31T00:00",
        "9999-12-31T23:59",
    ],
)
def test_other_text_is_not_a_time(text: str) -> None:
    assert parse_time(text, MOSCOW) is None


@pytest.mark.parametrize("text", ["2026-13-45 10:45:01", "0001-01-01 00:00:00"])
def test_unusable_time_becomes_a_label(text: str) -> None:
    event = read({"snaptime": text})

    assert event.captured_at is None
    assert event.labels["time"] == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 199 + "…"),
        ("a\0b\tc\n", "a b c"),
        ("\ud800", "\ufffd"),
        ("e\u0301" * 150, "é" * 150),
    ],
)
def test_text_becomes_storable(text: str, expected: str) -> None:
    assert cut(text, 200) == expected


def test_long_values_are_cut_to_the_limits() -> None:
    event = read({"plate/platenumber": "x" * 1000, "devicename": "y" * 1000})

    assert event.labels["plate"] == "x" * 199 + "…"
    assert event.camera == "y" * 63 + "…"


def test_values_without_information_are_omitted() -> None:
    fields = {
        "plate/platenumber": "Unknown",
        "vehicle/speed": "0.0",
        "snapinfo/lanno": "-1",
        "platecolor": " ",
        "uuid": "\0",
    }

    assert set(read(fields).labels) == {"event_id"}


def test_number_of_labels_includes_the_picture_label() -> None:
    fields = {names[0]: "x" for names in NAMES.labels.values()}

    event = read({**fields, "snaptime": "x"})

    assert len(event.labels_with("normal")) == 16
    assert event.labels_with("normal")["picture"] == "normal"


def test_given_camera_name_replaces_the_device_name() -> None:
    assert read({"devicename": "IPC"}, camera="Lenina 12").camera == "Lenina 12"


def test_main_picture_comes_first_and_the_plate_last() -> None:
    roles = ("plate", "vehicle", "other", "normal")

    pictures = read({}, *(Picture(role, b"") for role in roles)).pictures

    assert [picture.role for picture in pictures] == ["normal", "other", "vehicle", "plate"]


def test_repeated_event_has_the_same_ids() -> None:
    fields = {"deviceid": "1", "snaptime": "2026-11-26 10:45:01"}

    first, second = read(fields), read({**fields, "attempt": "2"})

    assert first.image_id("normal", b"1") == second.image_id("normal", b"1")
    assert first.labels["event_id"] == second.labels["event_id"]


@pytest.mark.parametrize(
    ("fields", "role", "digest"),
    [
        ({"deviceid": "2", "uuid": "a"}, "normal", b"1"),
        ({"deviceid": "1", "uuid": "b"}, "normal", b"1"),
        ({"deviceid": "1", "uuid": "a"}, "plate", b"1"),
        ({"deviceid": "1", "uuid": "a"}, "normal", b"2"),
    ],
)
def test_other_device_event_or_picture_has_another_id(fields: dict[str, str], role: str, digest: bytes) -> None:
    event = read({"deviceid": "1", "uuid": "a"})

    assert read(fields).image_id(role, digest) != event.image_id("normal", b"1")
