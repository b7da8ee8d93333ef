"""The cache of thumbnails on a real directory."""

import logging
import os
import threading
from itertools import islice
from pathlib import Path
from zlib import crc32

import pytest

from captiond.operations.thumbnail_cache import (
    FOLDERS,
    MAX_TEMP_SECONDS,
    SLACK,
    SUFFIX,
    TEMP_SUFFIX,
    USE_SECONDS,
    ThumbnailCache,
)

FOLDER_BYTES = 8000
MAX_BYTES = FOLDERS * FOLDER_BYTES
CONTENT = bytes(range(96))  # 100 bytes with its checksum


class Clock:
    """A clock that a test sets. Files get the real time, so it starts in the future."""

    def __init__(self) -> None:
        self.now = 5_000_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(tmp_path: Path, clock: Clock) -> ThumbnailCache:
    return ThumbnailCache(tmp_path / "thumbnails", MAX_BYTES, clock)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def keys_of_one_folder(count: int) -> list[str]:
    """Return keys whose files are in the same folder."""
    keys = (f"key-{number}" for number in range(FOLDERS * count * 2))
    return list(islice((key for key in keys if crc32(key.encode()) % FOLDERS == 0), count))


def test_written_content_is_read_by_another_process(cache: ThumbnailCache, tmp_path: Path) -> None:
    assert cache.read("one") is None

    cache.write("one", CONTENT)
    cache.write("one", CONTENT[::-1])

    assert ThumbnailCache(tmp_path / "thumbnails", MAX_BYTES).read("one") == CONTENT[::-1]
    assert len(files(tmp_path)) == 1


@pytest.mark.parametrize("damage", [b"", b"abc", CONTENT[:-1], b"\0" * 100])
def test_damaged_file_is_absent_until_it_is_written_again(cache: ThumbnailCache, tmp_path: Path, damage: bytes) -> None:
    cache.write("one", CONTENT)
    (file,) = files(tmp_path)
    file.write_bytes(damage)

    assert cache.read("one") is None

    cache.write("one", CONTENT)
    assert cache.read("one") == CONTENT


def test_least_recently_used_files_are_evicted(cache: ThumbnailCache, tmp_path: Path, clock: Clock) -> None:
    keys = keys_of_one_folder(120)
    root = tmp_path / "thumbnails"
    for at, key in enumerate(keys[:70]):
        cache.write(key, CONTENT)
        (file,) = root.rglob(key + SUFFIX)
        os.utime(file, (at, at))
    clock.now = 100 + USE_SECONDS
    assert cache.read(keys[0]) == CONTENT  # the oldest file is now the last used one

    for key in keys[70:]:
        cache.write(key, CONTENT)

    assert sum(file.stat().st_size for file in files(root)) <= FOLDER_BYTES
    assert cache.read(keys[0]) == CONTENT
    assert cache.read(keys[1]) is None
    assert cache.read(keys[-1]) == CONTENT


def test_several_processes_exceed_the_budget_by_an_eighth_each(tmp_path: Path) -> None:
    root = tmp_path / "thumbnails"
    caches = [ThumbnailCache(root, MAX_BYTES) for _ in range(3)]
    keys = keys_of_one_folder(300)

    for at, key in enumerate(keys):
        caches[at % 3].write(key, CONTENT)
        assert sum(file.stat().st_size for file in files(root)) <= FOLDER_BYTES * (1 + 2 / SLACK)


def test_threads_and_processes_share_a_directory(tmp_path: Path) -> None:
    caches = [ThumbnailCache(tmp_path, MAX_BYTES) for _ in range(2)]
    wrong: list[bytes] = []

    def use(cache: ThumbnailCache) -> None:
        for number in range(400):
            key = f"key-{number % 50}"
            content = cache.read(key)
            if content not in (None, key.encode() * 50):
                wrong.append(content or b"")
            cache.write(key, key.encode() * 50)

    threads = [threading.Thread(target=use, args=(cache,)) for cache in caches * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert not list(tmp_path.rglob(f"*{TEMP_SUFFIX}"))


def test_budget_of_zero_disables_the_cache(tmp_path: Path) -> None:
    cache = ThumbnailCache(tmp_path, 0)

    cache.write("one", CONTENT)

    assert cache.read("one") is None
    assert not files(tmp_path)


def test_content_that_would_evict_most_others_is_not_stored(cache: ThumbnailCache, tmp_path: Path) -> None:
    cache.write("large", bytes(FOLDER_BYTES // SLACK))

    assert not files(tmp_path)


def test_temporary_files_of_crashed_writers_are_deleted(cache: ThumbnailCache, tmp_path: Path, clock: Clock) -> None:
    first, second = keys_of_one_folder(2)
    cache.write(first, CONTENT)
    (file,) = (tmp_path / "thumbnails").rglob(first + SUFFIX)
    old, young = (file.with_name(f"{name}{TEMP_SUFFIX}") for name in ("old", "young"))
    for temp, age_seconds in ((old, MAX_TEMP_SECONDS + 1), (young, 1)):
        temp.touch()
        os.utime(temp, (clock.now - age_seconds,) * 2)

    ThumbnailCache(tmp_path / "thumbnails", MAX_BYTES, clock).write(second, CONTENT)

    assert not old.exists()
    assert young.exists()


def test_other_files_and_folders_survive_eviction(cache: ThumbnailCache, tmp_path: Path) -> None:
    """A Synology NAS adds a folder `@eaDir` to each folder with pictures."""
    keys = keys_of_one_folder(300)
    cache.write(keys[0], CONTENT)
    (file,) = files(tmp_path)
    (file.parent / "@eaDir").mkdir()
    (file.parent / "photo.jpg").write_bytes(CONTENT)
    for path in file.parent.iterdir():
        os.utime(path, (0, 0))

    for key in keys[1:]:
        cache.write(key, CONTENT)

    assert sum(file.stat().st_size for file in files(tmp_path)) <= FOLDER_BYTES + len(CONTENT)
    assert cache.read(keys[-1]) == CONTENT
    assert (file.parent / "@eaDir").is_dir()
    assert (file.parent / "photo.jpg").exists()


def test_unusable_directory_costs_the_cache_only_and_is_logged_once_per_minute(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "thumbnails").write_text("a file instead of a folder")
    cache = ThumbnailCache(tmp_path / "thumbnails", MAX_BYTES, clock)

    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            cache.write("one", CONTENT)
            assert cache.read("one") is None
        clock.now += 61
        cache.write("one", CONTENT)

    assert [record.message.partition(": ")[0] for record in caplog.records] == ["cannot write the thumbnail cache"] * 2


def test_file_that_cannot_be_put_into_place_leaves_no_temporary_file(
    cache: ThumbnailCache, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache.write("one", CONTENT)
    (file,) = files(tmp_path)
    file.unlink()
    file.mkdir()

    cache.write("one", CONTENT)

    assert cache.read("one") is None
    assert not files(tmp_path)
    assert "cannot write the thumbnail cache" in caplog.text
