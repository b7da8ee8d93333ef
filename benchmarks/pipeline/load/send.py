"""Two loads: a burst by wrk as fast as it is accepted, and a steady rate. Both go to 127.0.0.1 only."""

import asyncio
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from benchmarks.pipeline.load.uploads import BOUNDARY, Upload

CONNECTIONS = 32
LIMIT_SECONDS = 120
_SCRIPT = Path(__file__).parent / "post.lua"
_ACCEPTED = 202


class NotAnswered(OSError):
    """Some requests were not answered within LIMIT_SECONDS."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A burst. Times are those of time.monotonic()."""

    started: float
    answered: float
    accepted: int


def send_burst(url: str, bodies: Path, count: int) -> Sent:
    """Send each body once over 32 connections and wait for all responses. Raises NotAnswered."""
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
        wrk.kill()  # wrk runs for LIMIT_SECONDS otherwise
    if accepted is None:
        raise NotAnswered(f"not all of {count} requests to {url} were answered within {LIMIT_SECONDS} s")
    return Sent(started, answered, accepted)


async def send_steadily(url: str, uploads: Sequence[Upload], per_second: float) -> dict[str, float]:
    """Send each upload when it is due, without waiting for responses. Return the send times of the accepted ids."""
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
