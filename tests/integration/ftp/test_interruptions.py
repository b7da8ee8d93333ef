"""Uploads that end early, or whose commands overlap: only complete files are queued."""

import fcntl
import socket
import struct
import termios

import pytest

from tests.e2e.product import photo, wait_until
from tests.integration.ftp.receiver import FtpService, store

PHOTO = photo(640, 480)
WAIT_SECONDS = 10.0


@pytest.mark.parametrize("tenth", range(10))
def test_transfer_interrupted_at_any_tenth_is_not_queued(service: FtpService, tenth: int) -> None:
    session = service.raw()
    with session.connect_data() as data:
        session.ask("STOR photo.jpg")
        data.sendall(PHOTO[: len(PHOTO) * tenth // 10])

    assert session.read().startswith("426")
    assert service.count() == 0

    with session.connect_data() as data:
        session.ask("STOR photo.jpg")
        data.sendall(PHOTO)
    assert session.read().startswith("226")
    session.close()
    assert service.count() == 1


@pytest.mark.parametrize("tenth", range(0, 10, 3))
def test_reset_data_connection_is_not_queued(service: FtpService, tenth: int) -> None:
    session = service.raw()
    data = session.connect_data()
    session.ask("STOR photo.jpg")
    data.sendall(PHOTO[: len(PHOTO) * tenth // 10])
    data.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    data.close()

    assert session.read().startswith("426")
    session.close()
    assert service.count() == 0


@pytest.mark.parametrize("prefix", ["", "\xff\xf4\xff\xf2"], ids=["plain", "with Telnet IP and Synch"])
def test_aborted_transfer_is_not_queued(service: FtpService, prefix: str) -> None:
    session = service.raw()
    with session.connect_data() as data:
        session.ask("STOR photo.jpg")
        data.sendall(PHOTO)  # complete, but the connection stays open
        wait_until(lambda: unread_bytes(data) == 0, WAIT_SECONDS, "the bytes arrive")
        session.socket.sendall(prefix.encode("latin-1") + b"ABOR\r\n")
        first = session.read()
        replies = [first, session.read()] if first.startswith("426") else [first]

    assert replies[-1].startswith(("225", "226 ABOR"))
    assert session.ask("NOOP").startswith("200")
    session.close()
    assert service.count() == 0


def test_lost_control_connection_is_not_queued(service: FtpService) -> None:
    session = service.raw()
    with session.connect_data() as data:
        session.ask("STOR photo.jpg")
        data.sendall(PHOTO)
        session.close()

        assert is_closed(data)
    assert service.count() == 0


def test_quit_during_a_transfer_lets_it_finish(service: FtpService) -> None:
    session = service.raw()
    with session.connect_data() as data:
        session.ask("STOR photo.jpg")
        data.sendall(PHOTO[:1000])
        session.send("QUIT")
        assert session.read().startswith("221")
        data.sendall(PHOTO[1000:])

    assert session.read().startswith("226")
    assert session.read() == ""
    session.close()
    assert service.count() == 1


def test_slow_upload_that_exceeds_the_minimum_rate_is_queued(service: FtpService) -> None:
    session = service.raw()
    with session.connect_data() as data:
        session.ask("STOR photo.jpg")
        for start in range(0, len(PHOTO), 4096):
            data.sendall(PHOTO[start : start + 4096])

    assert session.read().startswith("226")
    session.close()
    assert service.count() == 1


def test_stalled_upload_is_ended(service: FtpService) -> None:
    session = service.raw()
    with session.connect_data() as data:
        session.ask("STOR photo.jpg")
        data.sendall(PHOTO[:1000])

        assert session.read().startswith("426 Transfer aborted: 1000 bytes in ")
        assert is_closed(data)
    session.close()
    assert service.count() == 0


def test_commands_sent_ahead_are_answered_in_order(service: FtpService) -> None:
    session = service.raw()
    with session.connect_data() as data:
        session.send("STOR photo.jpg\r\nNOOP")
        assert session.read().startswith("1")
        assert session.read().startswith("200")
        data.sendall(PHOTO)
    session.send("NOOP\r\nNOOP")

    assert sorted(session.read()[:3] for _ in range(3)) == ["200", "200", "226"]
    session.close()


def test_second_upload_during_a_transfer_is_refused(service: FtpService) -> None:
    session = service.raw()
    with session.connect_data() as data:
        session.ask("STOR photo.jpg")
        data.sendall(PHOTO[:1000])
        assert session.ask("STOR other.jpg").startswith("503")
        data.sendall(PHOTO[1000:])

    assert session.read().startswith("226")
    session.close()
    assert [image.description for image in service.queued()] == ["photo"]


def test_connection_for_an_aborted_command_is_not_used_for_it(service: FtpService) -> None:
    session = service.raw()
    session.ask("EPSV")
    session.ask("STOR aborted.jpg")
    assert session.ask("ABOR").startswith("225")
    with session.connect_data() as data:
        data.sendall(PHOTO)
        assert session.ask("STOR photo.jpg").startswith("1")

    assert session.read().startswith("226")
    session.close()
    assert [image.description for image in service.queued()] == ["photo"]


def test_session_continues_after_an_interrupted_upload(service: FtpService) -> None:
    with service.session() as ftp:
        assert store(ftp, "photo.jpg", PHOTO[:-1]).startswith("426 The JPEG has no end-of-image marker")
        assert store(ftp, "photo.jpg", PHOTO).startswith("226")
    assert service.count() == 1


def is_closed(data: socket.socket) -> bool:
    """Wait until the server closes the connection."""
    try:
        return data.recv(1) == b""
    except ConnectionResetError:
        return True


def unread_bytes(data: socket.socket) -> int:
    """Bytes that the peer's kernel has not acknowledged."""
    return int.from_bytes(fcntl.ioctl(data, termios.TIOCOUTQ, bytes(4)), "little")
