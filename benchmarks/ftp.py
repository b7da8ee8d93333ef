"""Compares `captiond ftp` with a bare pyftpdlib server that stores to /dev/null: `python -m benchmarks.ftp`.

50 sessions send frames of 80 KB one after the other, from a process of its own. captiond queues them in a Valkey that
syncs every write.
"""

import argparse
import logging
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.filesystems import AbstractedFS
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer

from captiond.services.up.valkey import server_command

USER, PASSWORD = "camera", "secret"
START_SECONDS = 30.0


class Client:
    """One session, with as little work per frame as possible."""

    def __init__(self, port: int) -> None:
        self._control = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._replies = self._control.makefile("rb")
        self._read("220")
        for command, code in ((f"USER {USER}", "331"), (f"PASS {PASSWORD}", "230"), ("TYPE I", "200")):
            self._send(command, code)

    def store(self, name: str, frame: bytes) -> None:
        """Send a frame and wait for reply 226."""
        port = int(self._send("EPSV", "229").split("|||")[1].split("|")[0])
        with socket.create_connection(("127.0.0.1", port), timeout=60) as data:
            self._send(f"STOR {name}", "1")
            data.sendall(frame)
        self._read("226")

    def _send(self, command: str, code: str) -> str:
        self._control.sendall(f"{command}\r\n".encode())
        return self._read(code)

    def _read(self, code: str) -> str:
        reply = self._replies.readline().decode()
        if not reply.startswith(code):
            raise RuntimeError(f"expected {code}, got {reply!r}")
        return reply


def run_clients(port: int, sessions: int, seconds: float) -> None:
    """Send frames in all sessions, and print the number of frames and the time."""
    # It need not be decodable: both servers read only segment headers and EOI.
    frame = (Path(__file__).parents[1] / "docs" / "example.jpg").read_bytes()
    header, scan = frame[:-2], os.urandom(80_000 - len(frame)).replace(b"\xff", b"\x00")
    counts = [0] * sessions
    clients = [Client(port) for _ in range(sessions)]
    end = time.monotonic() + seconds

    def send(number: int) -> None:
        while time.monotonic() < end:
            unique = number.to_bytes(4, "big").replace(b"\xff", b"\0") + counts[number].to_bytes(4, "big")
            clients[number].store(f"{number}-{counts[number]}.jpg", header + scan + unique + b"\0\xff\xd9")
            counts[number] += 1

    started = time.monotonic()
    threads = [threading.Thread(target=send, args=(number,)) for number in range(sessions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(sum(counts), time.monotonic() - started)


class NullFiles(AbstractedFS):  # type: ignore[misc] # pyftpdlib has no types
    """Stores every file to /dev/null."""

    def open(self, filename: str, mode: str) -> object:
        del filename, mode
        return Path(os.devnull).open("wb")


def run_bare_server(port: int) -> None:
    """Serve with pyftpdlib alone, without a log."""
    logging.basicConfig(level=logging.ERROR)
    authorizer = DummyAuthorizer()
    authorizer.add_user(USER, PASSWORD, tempfile.gettempdir(), perm="elw")
    handler = type("Handler", (FTPHandler,), {"authorizer": authorizer, "abstracted_fs": NullFiles})
    FTPServer(("127.0.0.1", port), handler).serve_forever(handle_exit=False)


@contextmanager
def captiond_server(port: int) -> Iterator[int]:
    """Run Valkey and `captiond ftp`. Yields the process id of `captiond ftp`."""
    with tempfile.TemporaryDirectory(prefix="captiond-") as name:
        folder = Path(name)
        valkey = subprocess.Popen(server_command(folder, folder / "valkey.sock", folder / "log"))
        settings = {
            "REDIS_URL": f"unix://{folder}/valkey.sock",
            "LOG_DIR": f"{folder}/log",
            "RUN_DIR": f"{folder}/run",
            "FTP_PASSWORD": PASSWORD,
            "MAX_BACKLOG": "1000000",
            "MAX_BACKLOG_BYTES": str(1 << 40),
        }
        environment = {**os.environ, **{f"CAPTIOND_{key}": value for key, value in settings.items()}}
        command = [sys.executable, "-m", "captiond", "ftp", "--quiet", "--port", str(port)]
        server = subprocess.Popen(command, env=environment)
        try:
            yield server.pid
        finally:
            for process in (server, valkey):
                process.terminate()
                process.wait()


@contextmanager
def bare_server(port: int) -> Iterator[int]:
    """Run pyftpdlib alone. Yields its process id."""
    command = [sys.executable, "-m", "benchmarks.ftp", "--serve", str(port)]
    with subprocess.Popen(command) as server:
        yield server.pid
        server.terminate()


def measure(name: str, port: int, pid: int, sessions: int, seconds: float) -> None:
    """Run the clients in their process, and print throughput and CPU time per frame."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    cpu_before = cpu_seconds(pid)
    command = [sys.executable, "-m", "benchmarks.ftp", "--send", str(port), "--sessions", str(sessions)]
    output = subprocess.run([*command, "--seconds", str(seconds)], check=True, stdout=subprocess.PIPE).stdout
    frames, elapsed = (float(word) for word in output.split())
    cpu_ms = (cpu_seconds(pid) - cpu_before) * 1000 / frames
    print(f"{name:10} {frames / elapsed:7.0f} frames/s {cpu_ms:6.2f} ms of CPU time per frame ({frames:.0f} frames)")


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process so far."""
    words = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Run both servers, or a part of the benchmark in its own process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--send", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        run_bare_server(options.serve)
    elif options.send:
        run_clients(options.send, options.sessions, options.seconds)
    else:
        servers = {"pyftpdlib": bare_server, "captiond": captiond_server}
        for _ in range(options.rounds):
            for name, server in servers.items():
                with socket.create_server(("127.0.0.1", 0)) as listener:
                    port = listener.getsockname()[1]
                with server(port) as pid:
                    measure(name, port, pid, options.sessions, options.seconds)


if __name__ == "__main__":
    main()
