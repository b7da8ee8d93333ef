"""Accepted and rejected uploads, their fields, and the virtual directories."""

import stat
from datetime import UTC, datetime
from ftplib import error_perm
from io import BytesIO
from pathlib import Path

import pytest

from tests.e2e.product import photo
from tests.integration.ftp.receiver import FtpService, store

PHOTO = photo()


def test_stored_file_is_queued_before_its_reply(service: FtpService) -> None:
    with service.session() as ftp:
        reply = store(ftp, "gate/photo.jpg", PHOTO)
        [upload] = service.uploads()

    assert reply == f"226 Queued as image {upload.image.id}."
    assert upload.jpeg == PHOTO
    assert upload.image.description == "photo"


def test_service_runs_without_an_archive(service: FtpService) -> None:
    with service.session() as ftp:
        assert store(ftp, "photo.jpg", PHOTO).startswith("226")

    assert sorted(file.name for file in service.place.folder.iterdir() if file.is_dir()) == ["log", "run"]


def test_fields_are_read_from_the_path(service: FtpService) -> None:
    with service.session() as ftp:
        store(ftp, "IP_01_20261126104501.jpg", PHOTO)
    [image] = service.queued()

    assert image.camera == "IP_01"
    assert image.captured_at == datetime(2026, 11, 26, 7, 45, 1, tzinfo=UTC)


def test_active_data_connection_is_accepted(service: FtpService) -> None:
    with service.session() as ftp:
        ftp.set_pasv(False)

        assert store(ftp, "photo.jpg", PHOTO).startswith("226")
    assert service.count() == 1


def test_file_in_ascii_mode_is_stored_as_sent(service: FtpService) -> None:
    session = service.raw()
    assert session.ask("TYPE A").startswith("200")
    with session.connect_data() as data:
        assert session.ask("STOR photo.jpg").startswith("1")
        data.sendall(PHOTO[:300] + b"\r\n" + PHOTO[300:])

    assert session.read().startswith("226")
    session.close()
    assert service.uploads()[0].jpeg == PHOTO[:300] + b"\r\n" + PHOTO[300:]


def test_bytes_sent_before_the_command_are_accepted(service: FtpService) -> None:
    session = service.raw()
    with session.connect_data() as data:
        data.sendall(PHOTO)
    session.ask("NOOP")
    session.ask("NOOP")

    assert session.ask("STOR photo.jpg").startswith("1")
    assert session.read().startswith("226")
    session.close()
    assert service.uploads()[0].jpeg == PHOTO


def test_padding_after_the_end_of_the_jpeg_is_accepted(service: FtpService) -> None:
    with service.session() as ftp:
        assert store(ftp, "photo.jpg", PHOTO + bytes(1000)).startswith("226")
    assert service.count() == 1


def test_unique_names_of_stou_are_reported(service: FtpService) -> None:
    names = []
    for _ in range(2):
        session = service.raw()
        with session.connect_data() as data:
            names.append(session.ask("STOU").partition("FILE: ")[2])
            data.sendall(photo())
        assert session.read().startswith("226")
        session.close()

    assert len({*names}) == 2
    assert {f"{image.description}.jpg" for image in service.queued()} == {*names}


def test_repeated_file_is_queued_once(service: FtpService) -> None:
    with service.session() as ftp:
        replies = {store(ftp, "photo.jpg", PHOTO) for _ in range(3)}
        other = store(ftp, "other.jpg", PHOTO)

    assert len(replies) == 1
    assert other not in replies
    assert service.count() == 2


def test_repeated_stou_is_queued_once(service: FtpService) -> None:
    for _ in range(2):
        session = service.raw()
        with session.connect_data() as data:
            session.ask("STOU photo.jpg")
            data.sendall(PHOTO)
        assert session.read().startswith("226")
        session.close()

    assert service.count() == 1


@pytest.mark.parametrize(
    ("content", "reply"),
    [
        (b"", "426 The file is empty"),
        (b"text of a test file", "550 Not a JPEG: starts with 74 65 78"),
        (b"\xff\xd8\xff" + b"." * 200, "550 Not a JPEG: no marker"),
        (PHOTO + bytes(200_000), "552 The image exceeds the limit of 200000 bytes"),
    ],
    ids=["empty", "text", "no header", "too large"],
)
def test_other_content_is_refused(service: FtpService, content: bytes, reply: str) -> None:
    with service.session() as ftp:
        assert store(ftp, "test.txt", content).startswith(reply)
        assert store(ftp, "photo.jpg", PHOTO).startswith("226")
    assert service.count() == 1


@pytest.mark.parametrize("command", ["APPE photo.jpg", "REST 100", "RETR photo.jpg", "DELE photo.jpg"])
def test_other_access_to_files_is_refused(service: FtpService, command: str) -> None:
    with service.session() as ftp:
        store(ftp, "photo.jpg", PHOTO)

        with pytest.raises(error_perm, match="550"):
            ftp.sendcmd(command)
    assert service.count() == 1


def test_files_of_the_disk_cannot_be_changed(service: FtpService, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("secret")
    file.chmod(0o600)
    with service.session() as ftp:
        for command in (f"SITE CHMOD 777 {file}", f"DELE {file}", f"RETR {file}", f"RNFR {file}", f"SIZE {file}"):
            with pytest.raises(error_perm, match="550"):
                ftp.sendcmd(command)

    assert file.read_text() == "secret"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_every_directory_exists(service: FtpService) -> None:
    with service.session() as ftp:
        assert ftp.mkd("2026/11/26") == "/2026/11/26"
        assert ftp.mkd("2026/11/26") == "/2026/11/26"
        assert ftp.cwd("/other/place").startswith("250")
        assert ftp.pwd() == "/other/place"
        assert ftp.nlst("/2026") == []
        assert list(ftp.mlsd("/2026")) == []
        assert ftp.rmd("/2026").startswith("250")
    assert not (service.place.folder / "2026").exists()


def test_stored_file_has_a_size_and_is_listed_in_its_session(service: FtpService) -> None:
    listing: list[str] = []
    with service.session() as ftp:
        store(ftp, "/gate/photo.jpg", PHOTO)
        ftp.voidcmd("TYPE I")
        assert ftp.size("/gate/photo.jpg") == len(PHOTO)
        assert ftp.nlst("/gate") == ["photo.jpg"]
        ftp.retrlines("LIST /gate", listing.append)
        with pytest.raises(error_perm, match="550"):
            ftp.size("/gate/missing.jpg")

    assert stat.filemode(stat.S_IFREG | 0o644) in listing[0]
    assert str(len(PHOTO)) in listing[0]


def test_stored_file_may_be_renamed_once_queued(service: FtpService) -> None:
    with service.session() as ftp:
        store(ftp, "photo.jpg.tmp", PHOTO)
        assert ftp.rename("photo.jpg.tmp", "other.jpg").startswith("250")
        with pytest.raises(error_perm, match="550"):
            ftp.rename("missing.jpg", "other.jpg")

    assert [image.description for image in service.queued()] == ["photo.jpg"]


def test_rename_of_a_file_dropped_from_the_listing_returns_550(service: FtpService) -> None:
    with service.session() as ftp:
        store(ftp, "photo.jpg", PHOTO)
        ftp.sendcmd("RNFR photo.jpg")
        for number in range(32):
            store(ftp, f"{number}.jpg", PHOTO)
        with pytest.raises(error_perm, match="550 No such file"):
            ftp.sendcmd("RNTO other.jpg")

        assert ftp.voidcmd("NOOP").startswith("200")


def test_memory_of_a_session_is_bounded(service: FtpService) -> None:
    with service.session() as ftp:
        for number in range(40):
            ftp.storbinary(f"STOR {number}.jpg", BytesIO(PHOTO))
        ftp.cwd("a" * 100)
        ftp.cwd("b" * 100)
        with pytest.raises(error_perm, match="550"):
            ftp.cwd("c" * 100)

        assert len(ftp.nlst("/")) == 32
        assert len(ftp.pwd()) <= 255
    assert service.count() == 40


def test_long_path_is_refused(service: FtpService) -> None:
    with service.session() as ftp:
        assert store(ftp, "a" * 300, PHOTO).startswith("550 The path has 301 characters")
    assert service.count() == 0


def test_upload_is_logged_with_its_source(service: FtpService) -> None:
    with service.session() as ftp:
        image_id = store(ftp, "logged.jpg", PHOTO).split()[-1].rstrip(".")
        store(ftp, "refused.txt", b"refused")

    assert f"accepted image={image_id} bytes={len(PHOTO)} user='camera' path='/logged.jpg'" in service.log
    assert "rejected peer=127.0.0.1 source=ftp reason=550: user='camera' path=" in service.log
