import os
import re
from pathlib import Path

import pytest

from captiond.sending.photo import InvalidFields, Photo, UnusableFile, check_fields, check_file, read_file

JPEG = b"\xff\xd8\xff\xe0 rest"


def test_a_jpeg_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(JPEG)

    check_file(tmp_path / "a.jpg", len(JPEG))
    assert read_file(tmp_path / "a.jpg", len(JPEG)) == JPEG


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("none.jpg", "No such file or directory"),
        ("a\0b.jpg", "embedded null byte"),
        ("folder", "Is a directory"),
        ("pipe", "not a regular file"),
        ("empty.jpg", "the file is empty"),
        ("page.jpg", "not a JPEG: the file starts with 3c 21 64, a JPEG with ff d8 ff"),
        ("large.jpg", "1001 bytes; the limit is 1000, see CAPTIOND_MAX_UPLOAD_BYTES"),
    ],
)
def test_another_file_is_refused_with_its_reason(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "page.jpg").write_text("<!doctype html>")
    (tmp_path / "large.jpg").write_bytes(JPEG.ljust(1001))

    for read in (check_file, read_file):
        with pytest.raises(UnusableFile) as caught:
            read(tmp_path / name, 1000)
        assert str(caught.value) == reason


@pytest.mark.parametrize("time", ["2026-11-26T10:45:01+03:00", "2026-11-26 10:45:01.5Z", ""])
def test_a_time_of_the_api_is_accepted(time: str) -> None:
    check_fields(Photo(Path(), "x", captured_at=time))


@pytest.mark.parametrize(
    "time",
    ["2026-11-26T10:45:01", "2026-11-26T10:45+03:00", "20261126T104501+0300", "2026-W48-4", "2026-13-01T00:00:00Z"],
)
def test_another_time_is_refused_as_by_the_api(time: str) -> None:
    with pytest.raises(InvalidFields, match="captured_at is "):
        check_fields(Photo(Path(), "x", captured_at=time))


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+10:00", "1899-12-31T23:59:59Z", "9999-12-31T23:59:59-10:00"])
def test_a_year_that_the_api_refuses_is_refused(time: str) -> None:
    with pytest.raises(InvalidFields, match=f"captured_at is '{re.escape(time)}'; its year must be from 1900 to 9998"):
        check_fields(Photo(Path(), "x", captured_at=time))


def test_a_text_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(InvalidFields, match="description is not Unicode text"):
        check_fields(Photo(Path(), "a\udcff"))
