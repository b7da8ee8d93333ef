"""Fields from the path of an FTP upload: groups of the pattern, times, cuts, and patterns of exponential time."""

import time
from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from captiond.image import ReceivedImage
from captiond.operations.caption_template import CaptionTemplate
from captiond.operations.path_fields import MAX_PATH_CHARACTERS, PathFields, PathPattern

MOSCOW = ZoneInfo("Europe/Moscow")


def fill(path: str, pattern: str | None = None, description: str = "{labels.file}") -> ReceivedImage:
    image = ReceivedImage(
        id=UUID(int=1), received_at=datetime(2026, 11, 26, tzinfo=UTC), description="", upload_sha256=b""
    )
    fields = PathFields(PathPattern(pattern) if pattern else None, CaptionTemplate(description, MOSCOW), MOSCOW)
    return fields.fill(image, "user", path)


def test_without_settings_the_file_name_is_the_description() -> None:
    image = fill("/camera/IP_01_20261126104501.jpg")

    assert image.description == "IP_01_20261126104501.jpg"
    assert (image.camera, image.captured_at, image.labels) == (None, None, {})


def test_groups_become_camera_time_and_labels() -> None:
    image = fill("/gate/IP_01_20261126104501.jpg", r"^/(?P<site>[^/]+)/(?P<camera>IP_\d+)_(?P<captured_at>\d{14})")

    assert image.camera == "IP_01"
    assert image.captured_at == datetime(2026, 11, 26, 7, 45, 1, tzinfo=UTC)
    assert image.labels == {"site": "gate"}


def test_time_may_be_split_into_date_and_time() -> None:
    pattern = r"(?P<captured_date>\d{4}-\d\d-\d\d)/001/jpg/(?P<captured_time>\d\d/\d\d/\d\d)"

    image = fill("/2026-11-26/001/jpg/10/45/01[M][0@0][0].jpg", pattern)

    assert image.captured_at == datetime(2026, 11, 26, 7, 45, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("digits", "microsecond"),
    [("20261126104501500", 500_000), ("2026-11-26_10-45-01", 0), ("20261126104501123456", 123_456)],
)
def test_time_may_have_separators_and_a_fraction(digits: str, microsecond: int) -> None:
    image = fill(f"/{digits}.jpg", "(?P<captured_at>[0-9_-]+)")

    assert image.captured_at == datetime(2026, 11, 26, 7, 45, 1, microsecond, UTC)


@pytest.mark.parametrize("digits", ["20261326104501", "2026112610", "00000101000000", ""])
def test_impossible_time_is_left_out(digits: str) -> None:
    assert fill(f"/{digits}.jpg", r"/(?P<captured_at>\d*)").captured_at is None


def test_path_that_the_pattern_does_not_match_has_no_fields() -> None:
    image = fill("/other.jpg", r"(?P<camera>IP_\d+)")

    assert (image.camera, image.description) == (None, "other.jpg")


def test_description_is_filled_from_labels_path_and_user() -> None:
    image = fill("/gate/a.jpg", "/(?P<site>[^/]+)/", "{labels.site} {labels.user} {labels.path}")

    assert image.description == "gate user /gate/a.jpg"


def test_blank_description_is_replaced_by_the_path() -> None:
    assert fill("/gate/a.jpg", None, "{labels.plate}").description == "/gate/a.jpg"


def test_long_texts_are_cut() -> None:
    image = fill("/" + "a" * 254, r"/(?P<camera>a{100})(?P<rest>.*)", "{labels.path}")

    assert len(image.camera or "") == 64
    assert len(image.description) == 200


def test_control_characters_of_a_label_become_spaces() -> None:
    assert fill("/a\x01b\tc.jpg", "/(?P<name>.*)").labels == {"name": "a b c.jpg"}


def test_pattern_of_exponential_time_is_interrupted() -> None:
    path = "/" + "a" * (MAX_PATH_CHARACTERS - 2) + "!"
    started = time.monotonic()

    image = fill(path, r"(?P<camera>(a|aa)+)+$")

    assert image.camera is None
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("(", "no regular expression"),
        ("abc", "no named group"),
        ("(?P<Camera>a)", "'Camera'"),
        ("".join(f"(?P<a{number}>a)" for number in range(17)), "more than 16"),
    ],
)
def test_invalid_pattern_is_described(pattern: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        PathPattern(pattern)
