"""Logins, limits of sessions and memory, concurrent sessions, TLS, and common FTP clients."""

import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ftplib import FTP_TLS, error_perm
from io import BytesIO
from pathlib import Path

import pytest

from tests.e2e.product import Place, photo
from tests.integration.ftp.receiver import PASSWORD, USER, FtpService, RawSession, running_service, store
from tests.servers.queues import RedisServer

PHOTO = photo(640, 480)
SESSIONS = 50


@pytest.fixture(scope="module")
def tls_service(
    valkey: RedisServer, certificate: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FtpService]:
    settings = {"ftp_certificate": str(certificate), "ftp_require_tls": "true", "max_upload_bytes": "200000"}
    with running_service(tmp_path_factory.mktemp("ftps"), valkey, **settings) as service:
        yield service


def tls_session(service: FtpService, certificate: Path) -> FTP_TLS:
    """Log in with a verified certificate, and protect data connections."""
    ftp = FTP_TLS(context=ssl.create_default_context(cafile=str(certificate)), timeout=60)  # noqa: S321 - under test
    ftp.connect("localhost", service.port)
    ftp.login(USER, PASSWORD)
    ftp.prot_p()
    return ftp


def greeting(service: FtpService) -> str:
    """The first reply of a new session. Closes the session."""
    session = RawSession(service.port)
    session.close()
    return session.greeting


def test_fifty_sessions_at_once(service: FtpService) -> None:
    def send(camera: int) -> list[str]:
        with service.session() as ftp:
            return [store(ftp, f"camera-{camera}/{number}.jpg", PHOTO)[:3] for number in range(8)]

    with ThreadPoolExecutor(SESSIONS) as cameras:
        replies = [reply for replies in cameras.map(send, range(SESSIONS)) for reply in replies]

    assert replies == ["226"] * SESSIONS * 8
    assert service.count() == SESSIONS * 8


def test_wrong_logins_are_delayed_and_limited(service: FtpService) -> None:
    session = RawSession(service.port)
    started = time.monotonic()

    for user, password in ((USER, "wrong"), ("wrong", PASSWORD), (USER, "")):
        assert session.ask(f"USER {user}").startswith("331")
        assert session.ask(f"PASS {password}").startswith("530")

    assert time.monotonic() - started > 6
    assert session.read() == ""
    session.close()


@pytest.mark.parametrize("command", ["STOR photo.jpg", "EPSV", "MKD a", "LIST"])
def test_command_before_the_login_is_refused(service: FtpService, command: str) -> None:
    session = RawSession(service.port)

    assert session.ask(command).startswith("530")
    session.close()


@pytest.mark.parametrize("command", ["PORT 192,0,2,1,100,100", "EPRT |1|192.0.2.1|25700|", "PORT 127,0,0,1,0,25"])
def test_data_connection_to_another_host_or_a_system_port_is_refused(service: FtpService, command: str) -> None:
    session = service.raw()

    assert session.ask(command).startswith("501")
    session.close()


def test_missing_packages_are_reported_in_one_line(tmp_path: Path) -> None:
    package = tmp_path / "pyftpdlib"
    package.mkdir()
    (package / "__init__.py").write_text("raise ModuleNotFoundError(\"No module named 'pyftpdlib'\")")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "CAPTIOND_FTP_PASSWORD": PASSWORD}

    done = subprocess.run(
        [sys.executable, "-m", "captiond", "ftp"], env=environment, cwd=tmp_path, capture_output=True, check=False
    )

    assert done.returncode == 2
    [line] = done.stderr.decode().splitlines()
    assert line == "captiond: No module named 'pyftpdlib'; captiond ftp needs: pip install \"captiond[ftp]\""


def test_password_is_hidden_in_the_printed_settings(tmp_path: Path) -> None:
    done = Place(tmp_path, {"ftp_password": "do-not-print"}).run("config")

    assert "ftp_password" in done.stdout.lower()
    assert "do-not-print" not in done.stdout


def test_session_over_the_limit_gets_421(valkey: RedisServer, tmp_path: Path) -> None:
    with running_service(tmp_path, valkey, max_ftp_sessions="3") as service:
        sessions = [service.raw() for _ in range(3)]
        assert greeting(service).startswith("421")
        with sessions[0].connect_data():
            pass
        sessions.pop().close()
        with service.session() as ftp:
            assert store(ftp, "photo.jpg", PHOTO).startswith("226")
        for session in sessions:
            session.close()


def test_uploads_over_the_memory_limit_get_452(valkey: RedisServer, tmp_path: Path) -> None:
    valkey.client().flushall()
    half = len(PHOTO) // 2
    with running_service(tmp_path, valkey, max_upload_memory=str(len(PHOTO))) as service:
        first, second = service.raw(), service.raw()
        with first.connect_data() as data:
            first.ask("STOR first.jpg")
            data.sendall(PHOTO[:half])
            with second.connect_data() as other:
                second.ask("STOR second.jpg")
                with pytest.raises(OSError, match=r"reset|pipe"):  # the rest is not read
                    other.sendall(PHOTO * 1000)
            assert second.read().startswith("452 The limit of")
            data.sendall(PHOTO[half:])
        assert first.read().startswith("226")
        with second.connect_data() as data:
            second.ask("STOR second.jpg")
            data.sendall(PHOTO)
        assert second.read().startswith("226")
        first.close()
        second.close()
        assert service.count() == 2


def test_passive_ports_and_address_are_those_of_the_settings(valkey: RedisServer, tmp_path: Path) -> None:
    settings = {"ftp_passive_ports": "20210-20212", "ftp_masquerade_address": "192.0.2.7"}
    with running_service(tmp_path, valkey, **settings) as service:
        sessions = [service.raw() for _ in range(3)]
        replies = [session.ask("PASV") for session in sessions]
        assert greeting(service).startswith("421")
        for session in sessions:
            session.close()

    numbers = [reply.partition("(")[2].partition(")")[0].split(",") for reply in replies]
    assert {".".join(words[:4]) for words in numbers} == {"192.0.2.7"}
    assert {int(words[4]) * 256 + int(words[5]) for words in numbers} == {20210, 20211, 20212}


def test_passive_port_outside_the_range_is_not_used(valkey: RedisServer, tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 20213)),
        socket.create_server(("127.0.0.1", 20214)),
        running_service(tmp_path, valkey, ftp_passive_ports="20213-20214") as service,
    ):
        session = service.raw()
        assert session.ask("EPSV").startswith("425")
        assert session.ask("NOOP").startswith("200")
        session.close()


def test_upload_over_ipv6_is_queued(valkey: RedisServer, tmp_path: Path) -> None:
    valkey.client().flushall()
    with running_service(tmp_path, valkey, host="::1", ftp_passive_ports="20215-20218") as service:
        session = RawSession(service.port, "::1")
        session.login()
        port = int(session.ask("EPSV").split("|||")[1].split("|")[0])
        with socket.create_connection(("::1", port)) as data:
            assert session.ask("STOR photo.jpg").startswith("1")
            data.sendall(PHOTO)
        assert session.read().startswith("226")
        session.close()
        assert port in range(20215, 20219)
        assert service.count() == 1


def test_upload_with_tls_is_queued(tls_service: FtpService, certificate: Path) -> None:
    tls_service.redis.client().flushall()
    with tls_session(tls_service, certificate) as ftp:
        assert ftp.storbinary("STOR photo.jpg", BytesIO(PHOTO)).startswith("226")
        assert ftp.nlst("/") == ["photo.jpg"]
        with pytest.raises(error_perm, match="550 Not a JPEG"):
            ftp.storbinary("STOR test.txt", BytesIO(b"test"))
        assert ftp.storbinary("STOR photo.jpg", BytesIO(PHOTO)).startswith("226")

    assert tls_service.uploads()[0].jpeg == PHOTO


@pytest.mark.parametrize("size", [0, 1000, len(PHOTO) - 1])
def test_interrupted_upload_with_tls_is_not_queued(tls_service: FtpService, certificate: Path, size: int) -> None:
    tls_service.redis.client().flushall()
    with tls_session(tls_service, certificate) as ftp:
        connection = ftp.transfercmd("STOR photo.jpg")
        connection.sendall(PHOTO[:size])
        connection.close()  # without close_notify

        with pytest.raises(Exception, match=r"^426"):
            ftp.voidresp()
        assert ftp.storbinary("STOR other.jpg", BytesIO(PHOTO)).startswith("226")
    assert tls_service.count() == 1


def test_many_sessions_with_tls(tls_service: FtpService, certificate: Path) -> None:
    tls_service.redis.client().flushall()

    def send(camera: int) -> list[str]:
        with tls_session(tls_service, certificate) as ftp:
            return [ftp.storbinary(f"STOR {camera}/{number}.jpg", BytesIO(PHOTO))[:3] for number in range(3)]

    with ThreadPoolExecutor(10) as cameras:
        assert [*cameras.map(send, range(10))] == [["226"] * 3] * 10
    assert tls_service.count() == 30


def test_required_tls_refuses_a_login_in_clear_text(tls_service: FtpService) -> None:
    with pytest.raises(error_perm, match="550"):
        tls_service.session()


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"ftp_password": ""}, "CAPTIOND_FTP_PASSWORD is not set"),
        ({"ftp_require_tls": "true"}, "CAPTIOND_FTP_REQUIRE_TLS needs CAPTIOND_FTP_CERTIFICATE"),
        ({"ftp_certificate": "missing.pem"}, "CAPTIOND_FTP_CERTIFICATE: cannot load missing.pem"),
        ({"ftp_path_pattern": "("}, "CAPTIOND_FTP_PATH_PATTERN: not a regular expression"),
        ({"ftp_passive_ports": "80-90"}, "CAPTIOND_FTP_PASSIVE_PORTS: not a port range: '80-90'"),
        ({"ftp_masquerade_address": "host"}, "CAPTIOND_FTP_MASQUERADE_ADDRESS: not an IPv4 address: 'host'"),
    ],
)
def test_invalid_settings_are_reported_in_one_line(tmp_path: Path, settings: dict[str, str], problem: str) -> None:
    done = Place(tmp_path, {"ftp_password": PASSWORD, **settings}).run("ftp", "--port", "1")

    assert done.status == 2
    assert problem in done.problem


@pytest.mark.parametrize("options", [[], ["--ftp-port", "-"], ["--disable-epsv"], ["--use-ascii"]])
def test_curl_uploads_a_file(service: FtpService, tmp_path: Path, options: list[str]) -> None:
    require("curl")
    (tmp_path / "photo.jpg").write_bytes(PHOTO)
    url = f"ftp://{USER}:{PASSWORD}@127.0.0.1:{service.port}/IP_01/2026/"

    subprocess.run(["curl", "-sS", "--ftp-create-dirs", *options, "-T", tmp_path / "photo.jpg", url], check=True)

    assert [image.description for image in service.queued()] == ["photo"]


def test_lftp_mirrors_a_folder(service: FtpService, tmp_path: Path) -> None:
    require("lftp")
    folder = tmp_path / "photos" / "gate"
    folder.mkdir(parents=True)
    for number in range(10):
        (folder / f"{number}.jpg").write_bytes(PHOTO)
    script = f"set net:max-retries 2; mirror --reverse --parallel=4 {tmp_path}/photos /incoming; bye"

    subprocess.run(
        ["lftp", "-u", f"{USER},{PASSWORD}", "-e", script, f"ftp://127.0.0.1:{service.port}"],
        check=True,
        env={**os.environ, "LFTP_HOME": str(tmp_path)},
        timeout=60,
    )

    assert sorted(image.description for image in service.queued()) == [str(number) for number in range(10)]


def require(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"no {program} is installed (Debian: {program})")
