"""The caption template: fields, separators of missing fields, groups, columns, and invalid templates."""

from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from captiond.image import Labels, ReceivedImage
from captiond.operations.caption_template import CaptionTemplate, InvalidTemplate

IMAGE_ID = UUID("0197a1b2-c3d4-7000-8000-000000000001")


def image(
    description: str = "7 секунд", camera: str | None = None, captured_at: datetime | None = None, **labels: str
) -> ReceivedImage:
    return ReceivedImage(
        id=IMAGE_ID,
        received_at=datetime(2026, 11, 26, 22, 30, 5, 250_000, UTC),
        description=description,
        upload_sha256=bytes(32),
        captured_at=captured_at,
        camera=camera,
        labels=Labels(labels),
    )


def fill(template: str, filled: ReceivedImage, zone: str = "UTC") -> str:
    return CaptionTemplate(template, ZoneInfo(zone)).fill(filled)


def test_default_template_is_the_description() -> None:
    assert fill("{description}", image("a {b} [c] \\n %d")) == "a {b} [c] \\n %d"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{camera}: {description}", "North: 7 секунд"),
        ("{received_at}", "2026-11-26 22:30:05"),
        ("{received_at:%d.%m.%Y %H:%M:%S}", "26.11.2026 22:30:05"),
        ("{captured_at:%H:%M}", "10:45"),
        ("{id}", str(IMAGE_ID)),
        ("{labels.speed} km/h", "83 km/h"),
        ("{{camera}} [[{camera}]] \\\\n", "{camera} [North] \\n"),
        ("{camera}\\n{description}", "North\n7 секунд"),
        ("{camera}\\t{description}", "North\t7 секунд"),
        ("{camera}\n{description}", "North\n7 секунд"),
        ("static text", "static text"),
    ],
)
def test_fields_are_replaced_by_values(template: str, expected: str) -> None:
    captured_at = datetime(2026, 11, 26, 10, 45, tzinfo=UTC)
    assert fill(template, image(camera="North", captured_at=captured_at, speed="83")) == expected


@pytest.mark.parametrize(
    ("captured_at", "zone", "expected"),
    [
        (datetime(1, 1, 1, tzinfo=UTC), "America/New_York", "01.01 00:00"),
        (datetime(9999, 12, 31, 23, 59, tzinfo=UTC), "Europe/Moscow", "31.12 23:59"),
    ],
)
def test_time_that_the_zone_lacks_is_written_in_utc(captured_at: datetime, zone: str, expected: str) -> None:
    assert fill("{captured_at:%d.%m %H:%M}", image(captured_at=captured_at), zone) == expected


def test_times_are_written_in_the_zone() -> None:
    assert fill("{received_at:%d.%m %H:%M %z}", image(), "Europe/Moscow") == "27.11 01:30 +0300"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{camera} · {description}", "7 секунд"),
        ("{description} · {camera}", "7 секунд"),
        ("{description} · {camera} · {labels.speed}", "7 секунд · 83"),
        ("Camera {camera}, {description}", "7 секунд"),
        ("{description}, {labels.plate} (plate)", "7 секунд"),
        ("{camera} {labels.plate} {description}", "7 секунд"),
        ("{description} — [{labels.plate} plate] — {labels.speed} km/h", "7 секунд — 83 km/h"),
        ("{description}[ — {labels.speed} km/h]", "7 секунд — 83 km/h"),
        ("{camera}\\n{description}", "7 секунд"),
        ("{camera}\\t{description}", "\t7 секунд"),
        ("{description}\\t{camera}", "7 секунд\t"),
        ("{camera}", "7 секунд"),
    ],
)
def test_missing_field_drops_its_separator(template: str, expected: str) -> None:
    assert fill(template, image(speed="83")) == expected


def test_tab_in_a_value_starts_no_column() -> None:
    assert fill("{description}\\t{camera}", image("a\tb", camera="c\td")) == "a    b\tc    d"


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        (
            "{name}",
            "no field named 'name'; the fields are description, camera, id, captured_at, received_at, labels.NAME",
        ),
        ("{labels.Speed}", "no field named 'labels.Speed'"),
        ("{description.__class__}", "no field named 'description.__class__'"),
        ("{camera!r}", "no field named 'camera!r'"),
        ("{camera:>20}", "the field 'camera' is no time and has no format"),
        ("{captured_at:%Q}", "no time directive '%Q'"),
        ("{captured_at:%}", "no time directive '%'"),
        ("{camera", "unexpected '{' at character 1"),
        ("camera}", "unexpected '}' at character 7"),
        ("[{camera}", "a bracket `[` is not closed"),
        ("[{camera}[x]]", "unexpected '['"),
        ("[text]", "unexpected ']' at character 6"),
        ("a\\tb\\tc", "unexpected '\\\\t' at character 5"),
        ("[{camera}\\n]", "unexpected '\\\\n'"),
        ("C:\\dir", "unexpected '\\\\' at character 3"),
    ],
)
def test_invalid_template_is_rejected(template: str, fault: str) -> None:
    with pytest.raises(InvalidTemplate) as rejected:
        CaptionTemplate(template, ZoneInfo("UTC"))
    assert fault in str(rejected.value)
