"""Runs `captiond ftp` as a process on a Redis server and connects to it like a camera."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ftplib import FTP, all_errors
from io import BytesIO
from pathlib import Path

from captiond.image import ReceivedImage
from captiond.messages import Upload
from captiond.operations.heartbeat import Heartbeat
from captiond.pipeline import CAPTIONER_ROUTE
from captiond.workqueue import Broker
from tests.e2e.product import STOP_SECONDS, Place, wait_until
from tests.servers.ports import free_port
from tests.servers.queues import RedisServer

USER, PASSWORD = "camera", "secret"
START_SECONDS = 30.0


@dataclass(slots=True)
class FtpService:
    """One service, whose port stays the same after a restart."""

    place: Place
    redis: RedisServer
    port: int = field(default_factory=free_port)
    host: str = "127.0.0.1"
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = self.place.start("ftp", "--host", self.host, "--port", str(self.port))
        wait_until(self._is_listening, START_SECONDS, "the FTP service listens")

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        """Stop with SIGTERM. Returns the exit status."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def _is_listening(self) -> bool:
        assert self.process
        assert self.process.poll() is None, (self.place.folder / "stderr").read_text()
        with suppress(OSError), socket.create_connection((self.host, self.port)) as probe:
            probe.sendall(b"QUIT\r\n")
            return bool(probe.recv(100)) and bool(probe.recv(100, socket.MSG_WAITALL))  # the session has ended
        return False

    def session(self) -> FTP:
        """Log in."""
        ftp = FTP(timeout=60)  # noqa: S321 - it is under test
        try:
            ftp.connect("127.0.0.1", self.port)
            ftp.login(USER, PASSWORD)
        except BaseException:
            ftp.close()
            raise
        return ftp

    def raw(self) -> "RawSession":
        """Log in without a library."""
        session = RawSession(self.port)
        session.login()
        return session

    def queued(self) -> list[ReceivedImage]:
        """The images that the queue contains."""
        return [upload.image for upload in self.uploads()]

    def uploads(self) -> list[Upload]:
        """Receive all messages of the queue once."""
        uploads: list[Upload] = []
        with Broker(self.redis.url) as broker:
            consumer = broker.consumer("test", CAPTIONER_ROUTE)
            consumer.create_group()
            while deliveries := consumer.receive(100, 0):
                uploads += [Upload.from_message(delivery.decode()) for delivery in deliveries]
        return uploads

    def count(self) -> int:
        """The number of queued images."""
        return int(self.redis.client().xlen("{captiond:0}:uploads"))

    @property
    def problem(self) -> str | None:
        return Heartbeat(self.place.folder / "run", "ftp").problem()

    @property
    def log(self) -> str:
        return (self.place.folder / "log" / "ftp.log").read_text("utf-8")


class RawSession:
    """A control connection; each line is sent and read by the test."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection((host, port), timeout=60)
        self._lines = self.socket.makefile("rb")
        self.greeting = self.read()

    def login(self) -> None:
        assert self.ask(f"USER {USER}").startswith("331")
        assert self.ask(f"PASS {PASSWORD}").startswith("230")

    def send(self, command: str) -> None:
        self.socket.sendall(command.encode() + b"\r\n")

    def read(self) -> str:
        return self._lines.readline().decode().rstrip("\r\n")

    def ask(self, command: str) -> str:
        self.send(command)
        return self.read()

    def connect_data(self) -> socket.socket:
        """Open a passive data connection."""
        port = int(self.ask("EPSV").split("|||")[1].split("|")[0])
        return socket.create_connection(("127.0.0.1", port), timeout=60)

    def close(self) -> None:
        self._lines.close()
        self.socket.close()


def store(ftp: FTP, path: str, content: bytes) -> str:
    """Send a file. Returns the reply, including error replies."""
    try:
        try:
            return ftp.storbinary(f"STOR {path}", BytesIO(content))
        except ConnectionError:  # the server closed the data connection before it had everything; its reply says why
            return ftp.voidresp()
    except all_errors as error:
        return str(error)


@contextmanager
def running_service(folder: Path, redis: RedisServer, host: str = "127.0.0.1", **settings: str) -> Iterator[FtpService]:
    """Run a service in an empty folder."""
    common = {"redis_url": redis.url, "log_dir": str(folder / "log"), "run_dir": str(folder / "run")}
    service = FtpService(Place(folder, {**common, "ftp_password": PASSWORD, **settings}), redis, host=host)
    service.start()
    try:
        yield service
    finally:
        if service.process and service.process.poll() is None:
            assert service.terminate() == 0, (folder / "stderr").read_text()
