"""Fields of an image from its path: groups, times, limits, undecodable names, and invalid patterns."""

import os
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from captiond.image import Labels
from captiond.operations.path_fields import InvalidPattern, PathFields, compile_pattern, printable, read_path

CAPTURED = datetime(2026, 11, 26, 10, 45, 1, tzinfo=UTC)


def read(pattern: str, path: str, zone: str = "UTC") -> PathFields:
    return read_path(compile_pattern(pattern), path, ZoneInfo(zone))


def test_groups_give_camera_time_and_labels() -> None:
    pattern = r"(?P<camera>[^/]+)/lane(?P<lane>\d+)/.*_(?P<captured_at>\d{14})\.jpg$"

    fields = read(pattern, "Ленина 12/lane2/IP_01_20261126104501.jpg")

    assert fields == PathFields(CAPTURED, "Ленина 12", Labels(lane="2"))


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        (r"_(?P<captured_at>\d+)\.", "IP_01_20261126104501.jpg"),
        (r"(?P<captured_at>\d{4}-.*)\.jpg", "cam/2026-11-26_10-45-01.jpg"),
        (r"(?P<captured_at>\d{4}.*)\.jpg", "2026/11/26/10/45.01.jpg"),
        (
            r"(?P<captured_date>\d{4}-\d\d-\d\d)/\d+/jpg/(?P<captured_time>\d\d/\d\d/\d\d)",
            "2026-11-26/001/jpg/10/45/01[M].jpg",
        ),
    ],
)
def test_time_is_read_by_its_digits(pattern: str, path: str) -> None:
    fields = read(pattern, path)

    assert fields == PathFields(CAPTURED)


@pytest.mark.parametrize(
    ("digits", "microsecond"), [("20261126104501250", 250_000), ("202611261045011234567", 123_456)]
)
def test_digits_after_the_second_are_its_fraction(digits: str, microsecond: int) -> None:
    fields = read(r"(?P<captured_at>\d+)", digits)

    assert fields == PathFields(CAPTURED.replace(microsecond=microsecond))


def test_time_is_local_time_of_the_zone() -> None:
    fields = read(r"(?P<captured_at>\d+)", "20261126134501.jpg", "Europe/Moscow")

    assert fields == PathFields(CAPTURED)


@pytest.mark.parametrize(
    "text",
    [
        "20261326104501",
        "2026112610450",
        "00000000000000",
        "18991231235959",
        "99990101000000",
        "x",
        "",
        "٢٠٢٦١١٢٦١٠٤٥٠١",
    ],
)
def test_text_that_is_not_a_time_gives_none(text: str) -> None:
    assert read("^(?P<captured_at>.*)$", text) == PathFields()


def test_path_without_the_pattern_gives_no_fields() -> None:
    assert read(r"(?P<camera>cam\d+)/", "other/x.jpg") == PathFields()
    assert read_path(None, "other/x.jpg", UTC) == PathFields()


def test_unmatched_or_blank_group_gives_no_field() -> None:
    assert read(r"(?P<camera>cam)?(?P<lane> *)x", " x") == PathFields()


def test_values_are_cut_to_the_limits_of_the_api() -> None:
    fields = read(r"(?P<camera>c+)(?P<lane>l+)", "c" * 65 + "l" * 201)

    assert fields == PathFields(None, "c" * 64, Labels(lane="l" * 200))


def test_values_are_normalised_before_they_are_cut() -> None:
    fields = read("(?P<camera>[^/]+)/(?P<place>.+)", 64 * "e\u0301" + "/" + 200 * "e\u0301")

    assert fields == PathFields(None, "\u00e9" * 64, Labels(place="\u00e9" * 200))
    assert read("(?P<camera>.+)", f"{63 * 'c'} d").camera == 63 * "c"


def test_undecodable_bytes_are_replaced() -> None:
    fields = read("(?P<camera>.+)/(?s:(?P<part>.+))x", os.fsdecode(b"caf\xe9/a\nb\tx"))

    assert fields == PathFields(None, "caf\ufffd", Labels(part="a b"))
    assert printable("\x00a\x9f") == "a"


def test_pattern_that_takes_exponential_time_is_interrupted(caplog: pytest.LogCaptureFixture) -> None:
    fields = read(r"(?P<camera>(a|aa)+)+$", "a" * 253 + "!")

    assert fields == PathFields()
    [message] = caplog.messages
    assert message.startswith("the pattern '(?P<camera>(a|aa)+)+$' took more than 0.25 s path='aaa")


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("(", "not a regular expression: missing \\)"),
        ("(.*)", "no named group"),
        ("(?P<Lane>.)", "'Lane' is not a label name"),
        ("(?P<_x>.)", "'_x' is not a label name"),
        ("".join(f"(?P<l{number}>.)" for number in range(17)), "17 labels; the limit is 16"),
        ("(?P<captured_date>.)", "use either the group captured_at"),
        ("(?P<captured_at>.)(?P<captured_date>.)(?P<captured_time>.)", "use either the group captured_at"),
    ],
)
def test_invalid_pattern_is_refused_with_its_fault(pattern: str, fault: str) -> None:
    with pytest.raises(InvalidPattern, match=fault):
        compile_pattern(pattern)
