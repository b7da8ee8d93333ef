"""Selection, upload and moving of files by `captiond watch`."""

import os
import signal
from pathlib import Path

import pytest

from tests.e2e.product import wait_until
from tests.integration.watch.watching import WAIT_SECONDS, Watched, photo


def test_new_photo_is_uploaded_and_moved_to_done(watched: Watched) -> None:
    watched.start()

    watched.write("cam 1/a b.jpg")
    [upload] = watched.await_uploads(1)

    assert (upload.jpeg, upload.image.description) == (photo("cam 1/a b.jpg"), "a b")
    watched.await_files("done/cam 1/a b.jpg")
    assert watched.stop() == "1 photo uploaded, 0 failed, 0 waiting"


def test_photos_present_at_the_start_are_uploaded(watched: Watched) -> None:
    for name in ("a.jpg", "b.JPG", "deep/er/c.jpeg"):
        watched.write(name)

    watched.start()

    watched.await_files("done/a.jpg", "done/b.JPG", "done/deep/er/c.jpeg")
    assert len(watched.await_uploads(3)) == 3


def test_events_find_a_photo_before_the_next_scan(watched: Watched) -> None:
    watched.start("--settle", "0.3", "--scan", "3600", fast=False)
    watched.write("first.jpg")
    watched.await_uploads(1)

    watched.write("new directory/second.jpg")
    watched.write("third.jpg")

    assert {upload.image.description for upload in watched.await_uploads(3)} == {"first", "second", "third"}


def test_polling_finds_a_photo_without_events(watched: Watched) -> None:
    watched.start("--poll")

    watched.write("sub/a.jpg")

    watched.await_files("done/sub/a.jpg")


def test_unfinished_hidden_and_other_files_are_ignored(watched: Watched) -> None:
    ignored = ("a.jpg.tmp", "b.jpg.part", ".c.jpg", ".hidden/d.jpg", "done/e.jpg", "failed/f.jpg", "g.png", "h.txt")
    for name in ignored:
        watched.write(name, photo())
    watched.start()

    watched.write("x.jpg")

    watched.await_uploads(1)
    watched.await_files(*ignored, "done/x.jpg")
    assert watched.stop() == "1 photo uploaded, 0 failed, 0 waiting"


def test_renamed_file_is_uploaded_under_its_final_name(watched: Watched) -> None:
    watched.start()
    unfinished = watched.write("a.jpg.part")

    unfinished.rename(watched.root / "a.jpg")

    assert watched.await_image().description == "a"


def test_photo_interrupted_at_any_tenth_is_uploaded_when_it_is_complete(watched: Watched) -> None:
    content = {f"{tenth}.jpg": photo(f"{tenth}.jpg") for tenth in range(10)}
    ends = {name: len(content[name]) * tenth // 10 for tenth, name in enumerate(content)}
    for name, end in ends.items():
        watched.write(name, content[name][:end])
    watched.start()
    watched.write("b.jpg")
    watched.await_files(*content, "done/b.jpg")  # the settle time has passed, and only b.jpg is sent

    for name, end in ends.items():
        with (watched.root / name).open("ab") as writer:
            writer.write(content[name][end:])

    watched.await_files(*(f"done/{name}" for name in content), "done/b.jpg")
    assert {upload.jpeg for upload in watched.await_uploads(11)} == {*content.values(), photo("b.jpg")}


def test_photo_that_is_written_while_the_watcher_is_stopped_is_sent_whole(watched: Watched) -> None:
    content = photo() + bytes(5)
    watched.start()
    file = watched.write("a.jpg", content[:100])
    watched.signal(signal.SIGSTOP)

    file.write_bytes(content[:200])
    file.write_bytes(content)
    watched.signal(signal.SIGCONT)

    assert watched.await_uploads(1)[0].jpeg.startswith(photo())
    watched.await_files("done/a.jpg")


INCOMPLETE = "the JPEG is incomplete: the file does not end with the marker EOI (ff d9) after a scan"


def test_files_that_stay_incomplete_fail_with_the_reason(watched: Watched) -> None:
    contents = {
        "empty": (b"", "the file is empty"),
        "PNG": (b"\x89PNG\r\n", "the file starts with 89 50 4e; a JPEG starts with ff d8 ff"),
        "cut": (photo()[:-1], INCOMPLETE),
        "cut after its thumbnail": (photo()[:2] + b"\xff\xe1\0\6\xff\xd8\xff\xd9", INCOMPLETE),
    }
    for name, (content, _) in contents.items():
        watched.write(f"sub/{name}.jpg", content)

    watched.start("--wait", "1")

    watched.await_files(*(f"failed/sub/{name}.jpg{end}" for name in contents for end in ("", ".reason.txt")))
    for name, (_, reason) in contents.items():
        assert (watched.root / f"failed/sub/{name}.jpg.reason.txt").read_text() == f"{reason}\n"
    assert watched.stop() == "0 photos uploaded, 4 failed, 0 waiting"
    assert watched.queued() == []


def test_zero_bytes_after_the_end_are_accepted(watched: Watched) -> None:
    watched.write("a.jpg", photo() + bytes(4096))

    watched.start()

    watched.await_files("done/a.jpg")


def test_file_beyond_the_size_limit_fails_with_the_setting(watched: Watched) -> None:
    watched.write("a.jpg", photo() + bytes(10 << 20))

    watched.start()

    watched.await_files("failed/a.jpg", "failed/a.jpg.reason.txt")
    assert "CAPTIOND_MAX_UPLOAD_BYTES" in (watched.root / "failed/a.jpg.reason.txt").read_text()


def test_delete_removes_the_photo_and_its_sidecar_after_the_upload(watched: Watched) -> None:
    watched.write("a.jpg")
    watched.write("a.txt", b"text")

    watched.start("--delete")

    watched.await_files()
    assert watched.await_image().description == "text"


def test_file_in_done_is_not_overwritten(watched: Watched) -> None:
    watched.write("done/a.jpg", b"older")
    os.utime(watched.write("a.jpg", photo("1")), (0, 0))
    watched.start()
    watched.await_files("done/a.jpg", "done/a-19700101T000000.000000Z.jpg")

    os.utime(watched.write("a.jpg", photo("2")), (0, 0))

    watched.await_files("done/a.jpg", "done/a-19700101T000000.000000Z.jpg", "done/a-19700101T000000.000000Z-1.jpg")
    assert (watched.root / "done/a.jpg").read_bytes() == b"older"


def test_unusual_names_are_uploaded_and_moved(watched: Watched) -> None:
    encoded = (
        "камера 1/фото №7.jpg".encode(),
        b"caf\xe9/\xff.jpg",
        b"new\nline/a\rb.jpg",
        b"-q.jpg",
        b"%s {x} [y].jpg",
        b"x" * 251 + b".jpg",
    )
    names = [os.fsdecode(name) for name in encoded]
    watched.start()

    for name in names:
        watched.write(name)

    watched.await_files(*(f"done/{name}" for name in names))
    descriptions = {upload.image.description for upload in watched.await_uploads(len(names))}
    assert descriptions == {"фото №7", "\ufffd", "a b", "-q", "%s {x} [y]", "x" * 200}


def test_long_name_fails_with_a_reason_file_of_a_shorter_name(watched: Watched) -> None:
    name = "x" * 251 + ".jpg"
    watched.write(name, b"")

    watched.start("--wait", "1")

    watched.await_files(f"failed/{name}", f"failed/{'x' * 244}.reason.txt")


def test_undecodable_name_does_not_stop_the_events(watched: Watched) -> None:
    watched.start("--settle", "0.3", "--scan", "3600", fast=False)
    watched.write(os.fsdecode(b"caf\xe9.jpg"))
    watched.await_uploads(1)

    watched.write("next.jpg")

    watched.await_uploads(2)


def test_symbolic_links_are_not_followed(watched: Watched) -> None:
    outside = watched.folder / "outside"
    outside.mkdir()
    (outside / "a.jpg").write_bytes(photo())
    (watched.root / "link").symlink_to(outside)
    (watched.root / "b.jpg").symlink_to(outside / "a.jpg")
    (watched.root / "loop").symlink_to(watched.root)
    os.mkfifo(watched.root / "pipe.jpg")
    watched.start()

    watched.write("c.jpg")
    (outside / "later.jpg").write_bytes(photo())

    watched.await_files("b.jpg", "done/c.jpg")
    assert watched.stop() == "1 photo uploaded, 0 failed, 0 waiting"


def test_time_of_the_file_has_no_effect_on_settling(watched: Watched) -> None:
    for seconds in (-(10**9), 0, 4 * 10**9):
        os.utime(watched.write(f"{seconds}.jpg"), (seconds, seconds))

    watched.start("--description", "{received_at:%Y}")

    descriptions = [upload.image.description for upload in watched.await_uploads(3)]
    assert sorted(descriptions) == ["1938", "1970", "2096"]


def test_deleted_file_is_dropped(watched: Watched) -> None:
    file = watched.write("a.jpg", photo()[:50])
    watched.start()

    file.unlink()
    watched.write("b.jpg")

    watched.await_files("done/b.jpg")
    assert watched.stop() == "1 photo uploaded, 0 failed, 0 waiting"


def test_thousand_photos_at_once_are_uploaded_once_each(watched: Watched) -> None:
    watched.start()

    for number in range(1000):
        watched.write(f"cam{number % 7}/{number}.jpg")

    wait_until(lambda: len(watched.queued()) >= 1000, 90, "1000 uploads")
    wait_until(lambda: len(list((watched.root / "done").rglob("*.jpg"))) == 1000, WAIT_SECONDS, "all are moved")
    assert len({upload.jpeg for upload in watched.queued()}) == len(watched.queued()) == 1000
    assert watched.stop() == "1000 photos uploaded, 0 failed, 0 waiting"


def test_second_watcher_of_a_directory_is_refused(watched: Watched) -> None:
    watched.start()

    second = watched.place.run("watch", str(watched.root))

    assert second.status == 2
    assert second.problem == f"another captiond watch runs in {watched.root}; stop it first"


@pytest.mark.parametrize("name", ["missing", "file"])
def test_path_that_is_not_a_directory_is_rejected(watched: Watched, name: str) -> None:
    (watched.folder / "file").touch()

    done = watched.place.run("watch", str(watched.folder / name))

    assert done.status == 2
    assert done.problem.startswith(f"cannot watch {watched.folder / name}: ")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--url", "ftp://x"), "--url: invalid URL 'ftp://x'; use for example http://127.0.0.1:8000"),
        (("--api-key", "a b"), "--api-key: an API key may contain only visible ASCII characters"),
        (("--pattern", "("), "--pattern: not a regular expression: missing ) at position 1"),
        (("--description", "{x}"), "--description: no field named 'x'; the fields are description, camera, id, "),
        (("--description", "[{camera} {id}]"), "--description: the field 'id' has no value before the upload"),
        (("--description", "\udcff"), "--description: not UTF-8"),
        (("--description", "{id}"), "--description: the field 'id' has no value before the upload"),
    ],
)
def test_invalid_option_is_refused(watched: Watched, options: tuple[str, ...], problem: str) -> None:
    done = watched.place.run("watch", str(watched.root), *options)

    assert done.status == 2
    assert done.problem.startswith(problem)


def test_replaced_directory_is_not_used_until_the_original_returns(watched: Watched) -> None:
    watched.start()
    away: Path = watched.root.rename(watched.folder / "away")
    watched.await_log("(unmounted?)")
    watched.root.mkdir()  # an empty mount point
    (watched.root / "local.jpg").write_bytes(photo())

    watched.root.rename(watched.folder / "mount point")
    (away / "a.jpg").write_bytes(photo())
    away.rename(watched.root)

    watched.await_files("done/a.jpg")
    assert (watched.folder / "mount point" / "local.jpg").exists()
    assert watched.count_log("recovered outage_seconds") == 1
