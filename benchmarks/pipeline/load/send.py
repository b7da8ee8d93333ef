"""The two loads: as fast as it goes, by wrk, and so many a second, by ourselves. Only ever to 127.0.0.1."""

import asyncio
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from benchmarks.pipeline.load.uploads import BOUNDARY, Upload
from benchmarks.pipeline.usage import usage

CONNECTIONS = 32
LIMIT_SECONDS = 120
_SCRIPT = Path(__file__).parent / "post.lua"
_ACCEPTED = 202


@dataclass(frozen=True, slots=True)
class Sent:
    """What wrk has done."""

    started: float  # time.monotonic()
    answered: float
    accepted: int
    cpu_seconds: float


def send_burst(url: str, bodies: Path, count: int) -> Sent:
    """Send every body once over 32 connections; returns when all are answered."""
    limits = ("-t1", f"-c{CONNECTIONS}", f"-d{LIMIT_SECONDS}", "--timeout", f"{LIMIT_SECONDS}")
    command = ("wrk", *limits, "-s", str(_SCRIPT), url, "--", str(bodies), str(count), BOUNDARY)
    started = answered = 0.0
    accepted = None
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as wrk:
        for line in wrk.stdout or ():
            match line.split():
                case ["start"]:
                    started = time.monotonic()
                case ["accepted", number]:
                    answered, accepted = time.monotonic(), int(number)
                    break
        cpu_seconds = usage(wrk.pid).cpu_seconds
        wrk.kill()  # it would wait for its time to be over
    if accepted is None:
        raise RuntimeError(f"not all of {count} requests to {url} were answered in {LIMIT_SECONDS} s")
    return Sent(started, answered, accepted, cpu_seconds)


async def send_steadily(url: str, uploads: Sequence[Upload], per_second: float) -> dict[str, float]:
    """Send each when it is due, whatever the answers; ids with the times of their sending, of time.monotonic()."""
    sent: dict[str, float] = {}
    start = time.monotonic()

    async def send(client: httpx.AsyncClient, at: int, body: bytes) -> None:
        await asyncio.sleep(start + at / per_second - time.monotonic())
        moment = time.monotonic()
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        answer = await client.post(url, content=body, headers=headers)
        if answer.status_code == _ACCEPTED:
            sent[answer.json()["id"]] = moment

    async with httpx.AsyncClient(timeout=LIMIT_SECONDS) as client:
        await asyncio.gather(*(send(client, at, upload.body()) for at, upload in enumerate(uploads)))
    return sent
