"""How much exports, and clients without a key, slow down uploads: `python -m benchmarks.interference`.

Four connections with a key upload one photo after another to `captiond api` with CAPTIOND_AUTH=keys. Meanwhile, other
clients do nothing, export, guess keys or send garbage, in turn. All share the processors with the server, so the
figures are upper bounds.
"""

import argparse
import asyncio
import os
import random
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import httpx
from benchmarks.reporting import describe_machine
from benchmarks.rounds import report_progress

from captiond.access import Scope, make_key, make_token
from captiond.archive import Archive, Record, migrate
from captiond.archive.keys import KeyStore
from captiond.image import CaptionedImage
from captiond.services.up.valkey import server_command

PHOTO = Path(__file__).parents[1] / "docs" / "example.jpg"
UPLOADERS = 4
START_SECONDS = 30.0
# The first ones of each turn are warm-up.
WARM_UP_SECONDS = 1.0
CASES: Mapping[str, Sequence[str]] = {
    "nothing": (),
    "2 exports": ("export", "2", "/api/export.zip"),
    "2 exports with proofs": ("export", "2", "/api/export.zip?proofs=true"),
    "100 connections that guess keys": ("guess", "100", "/api/images"),
    "1000 connections that guess keys": ("guess", "1000", "/api/images"),
    "100 connections that send garbage": ("garbage", "100", ""),
    "1000 connections that send nothing": ("idle", "1000", ""),
}


##### Clients that disturb, in a process of their own


async def export(port: int, path: str, key: str) -> None:
    """Download, as fast as the server sends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {key}\r\nConnection: close\r\n\r\n".encode())
    while await reader.read(1 << 20):
        pass
    writer.close()


async def guess(port: int, path: str, _: str) -> None:
    """Send wrong keys on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while True:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {make_token()}\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))


async def send_garbage(port: int, _: str, __: str) -> None:
    """Send what is not HTTP, and read the response."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(secrets.token_bytes(4096))
    while await reader.read(1 << 16):
        pass
    writer.close()


async def wait(port: int, _: str, __: str) -> None:
    """Send a part of a request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /")
    while await reader.read(1 << 16):
        pass
    writer.close()


KINDS = {"export": export, "guess": guess, "garbage": send_garbage, "idle": wait}


async def disturb(kind: str, connections: int, path: str, port: int) -> None:
    """Repeat on each connection until the process is killed."""

    async def repeat() -> None:
        while True:
            with suppress(OSError, asyncio.IncompleteReadError):
                await KINDS[kind](port, path, os.environ["READER"])

    await asyncio.gather(*(repeat() for _ in range(connections)))


##### The server, and the clients that are measured


@contextmanager
def running(*command: str, environment: Mapping[str, str]) -> Iterator[None]:
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def fill(database_url: str, folder: Path, images: int) -> dict[str, str]:
    """Archive and seal images, and create two keys. Returns their secrets."""
    migrate(database_url)
    content = PHOTO.read_bytes()
    image = CaptionedImage(
        id=uuid4(),
        received_at=datetime.now(UTC),
        description="Photo",
        upload_sha256=sha256(content).digest(),
        width=640,
        height=480,
    )
    with Archive.open(database_url, folder) as archive:
        archive.prepare()
        archive.store([Record(replace(image, id=uuid4()), content) for _ in range(images)])
        archive.seals.seal(None)
    tokens = {}
    with KeyStore.open(database_url) as store:
        for scope in (Scope.UPLOAD, Scope.READ):
            key, tokens[scope.value] = make_key(scope.value, frozenset({scope}))
            store.create(key)
    return tokens


def upload(port: int, key: str, seconds: float) -> list[float]:
    """Upload on several connections. Returns the time of each upload in seconds."""
    content, times = PHOTO.read_bytes(), list[float]()
    first, end = time.monotonic() + WARM_UP_SECONDS, time.monotonic() + WARM_UP_SECONDS + seconds

    def send() -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"X-API-Key": key}, timeout=60) as client:
            while (started := time.monotonic()) < end:
                headers = {"Content-Type": "image/jpeg"}
                client.post("/api/images?description=x", content=content, headers=headers).raise_for_status()
                if started >= first:
                    times.append(time.monotonic() - started)

    threads = [threading.Thread(target=send) for _ in range(UPLOADERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times


def measure(port: int, images: int, rounds: int, seconds: float) -> dict[str, list[list[float]]]:
    """Return the times of uploads in seconds, per case and round."""
    found: dict[str, list[list[float]]] = {case: [] for case in CASES}
    order = random.Random(7)
    with tempfile.TemporaryDirectory(prefix="captiond-") as name, ExitStack() as opened:
        folder = Path(name)
        database_url = f"sqlite:///{folder}/captiond.db"
        tokens = fill(database_url, folder / "images", images)
        settings = {
            "REDIS_URL": f"unix://{folder}/valkey.sock",
            "DATABASE_URL": database_url,
            "IMAGES_DIR": f"{folder}/images",
            "LOG_DIR": f"{folder}/log",
            "RUN_DIR": f"{folder}/run",
            "AUTH": "keys",
            "MAX_BACKLOG": "1000000",
            "MAX_BACKLOG_BYTES": str(1 << 40),
        }
        environment = {**os.environ, **{f"CAPTIOND_{key}": value for key, value in settings.items()}}
        opened.enter_context(
            running(*server_command(folder, folder / "valkey.sock", folder / "log"), environment=environment)
        )
        captiond = (sys.executable, "-m", "captiond", "api", "--quiet", "--port", str(port))
        opened.enter_context(running(*captiond, environment=environment))
        await_api(port)
        for round_ in range(rounds):
            for case in order.sample([*CASES], len(CASES)):
                report_progress(f"round {round_ + 1}: {case}")
                with ExitStack() as meanwhile:
                    if arguments := CASES[case]:
                        command = (sys.executable, "-m", "benchmarks.interference", "--port", str(port), *arguments)
                        disturbing = {**environment, "READER": tokens[Scope.READ.value]}
                        meanwhile.enter_context(running(*command, environment=disturbing))
                        time.sleep(2)  # until it has started
                    found[case].append(upload(port, tokens[Scope.UPLOAD.value], seconds))
                time.sleep(1)  # until the server has seen that the connections are closed
    return found


def await_api(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            if httpx.get(f"http://127.0.0.1:{port}/health/ready").is_success:
                return
        time.sleep(0.1)
    raise RuntimeError("the API is not ready")


def print_table(found: Mapping[str, list[list[float]]], seconds: float) -> None:
    """Print medians of the rounds as Markdown. The slowdown compares uploads per second with those of "nothing"."""
    print(f"{describe_machine()}; {UPLOADERS} connections upload\n")
    print("| meanwhile | uploads per second | p50 | p99 | slowdown |\n| --- | ---: | ---: | ---: | ---: |")
    alone = statistics.median(map(len, found["nothing"]))
    for case, rounds in found.items():
        number = statistics.median(map(len, rounds))
        p50, p99 = (
            statistics.median(statistics.quantiles(times, n=100)[percent - 1] for times in rounds)
            for percent in (50, 99)
        )
        factor = f"{alone / number:.2f}"
        print(f"| {case} | {number / seconds:.0f} | {p50 * 1000:.1f} ms | {p99 * 1000:.1f} ms | {factor} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=18700)
    parser.add_argument("--images", type=int, default=2000, help="images in the archive")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("disturb", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.disturb:
        kind, connections, path = options.disturb
        asyncio.run(disturb(kind, int(connections), path, options.port))
        return
    print_table(measure(options.port, options.images, options.rounds, options.seconds), options.seconds)


if __name__ == "__main__":
    main()
