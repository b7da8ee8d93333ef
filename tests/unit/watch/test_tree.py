"""Names of photos, and times of files that Python cannot represent."""

from datetime import UTC, datetime

import pytest

from captiond.watch.tree import FileVersion, is_photo


@pytest.mark.parametrize("path", ["a.jpg", "A.JPEG", "b/done/c.jpg", "b/failed.jpg", "done.jpg", "a b/№\n.jpg"])
def test_photo_is_recognised_by_its_suffix(path: str) -> None:
    assert is_photo(path)


@pytest.mark.parametrize(
    "path",
    ["a.png", "jpg", "a.jpg.tmp", "a.jpg.part", ".a.jpg", ".b/a.jpg", "b/.c/a.jpg", "done/a.jpg", "failed/b/a.jpg"],
)
def test_unfinished_hidden_and_moved_files_are_not_photos(path: str) -> None:
    assert not is_photo(path)


@pytest.mark.parametrize(
    ("seconds", "time"),
    [
        (1, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        (-1, datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (10**14, datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_time_of_a_version_is_in_utc(seconds: int, time: datetime) -> None:
    assert FileVersion(0, seconds * 10**9).time == time
