"""Clients that send images and retry each with the same idempotency key until it is accepted."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count

from tests.e2e.product import photo

SMALL_PHOTO = photo(64, 48)
SENDERS = 4
RETRY_FOR_SECONDS = 90.0
PAUSE_SECONDS = 0.05
BOUNDARY = "f1b7a3c9d0"


@dataclass
class Load:
    """Counters of all uploads to one API. An instance can send several times."""

    port: int
    accepted: dict[str, str] = field(default_factory=dict)
    accepted_at: dict[str, float] = field(default_factory=dict)
    sent: int = 0
    refused: int = 0
    unanswered: int = 0
    without_retry_after: int = 0
    seconds: list[float] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def ids(self) -> set[str]:
        return set(self.accepted.values())

    def send(
        self,
        uploads: int,
        description: str = "number",
        image: bytes = SMALL_PHOTO,
        *,
        senders: int = SENDERS,
        retry_for_seconds: float = RETRY_FOR_SECONDS,
    ) -> set[str]:
        """Send images and return the ids of the accepted ones. Each is retried for `retry_for_seconds`."""
        numbers = [next(self._numbers) for _ in range(uploads)]
        keys = {f"key-{number}": f"{description} {number}" for number in numbers}
        return self.send_keys(keys, image, senders=senders, retry_for_seconds=retry_for_seconds)

    def send_keys(
        self,
        keys: dict[str, str],
        image: bytes = SMALL_PHOTO,
        *,
        senders: int = SENDERS,
        retry_for_seconds: float = RETRY_FOR_SECONDS,
    ) -> set[str]:
        """Send one image per idempotency key, with the description of the key."""
        waiting = iter(keys.items())

        def work() -> set[str]:
            client = _Client(self.port)
            ids = set()
            while (upload := self._next(waiting)) is not None:
                if image_id := self._send_until_accepted(client, upload[0], _form(image, upload[1]), retry_for_seconds):
                    ids.add(image_id)
            client.close()
            return ids

        with ThreadPoolExecutor(senders) as threads:
            done = [threads.submit(work) for _ in range(senders)]
        return set().union(*(future.result() for future in done))

    @contextmanager
    def sending(
        self, uploads: int, *, senders: int = SENDERS, retry_for_seconds: float = RETRY_FOR_SECONDS
    ) -> Iterator[Future[set[str]]]:
        """Send in the background. The context ends after the last upload."""
        with ThreadPoolExecutor(1) as thread:
            future = thread.submit(self.send, uploads, senders=senders, retry_for_seconds=retry_for_seconds)
            yield future
            future.result()

    @contextmanager
    def sending_images(self, uploads: int, image: bytes, *, senders: int) -> Iterator[Future[set[str]]]:
        """As `sending`, with another image."""
        with ThreadPoolExecutor(1) as thread:
            future = thread.submit(self.send, uploads, image=image, senders=senders, retry_for_seconds=600)
            yield future
            future.result()

    def _next(self, waiting: Iterator[tuple[str, str]]) -> tuple[str, str] | None:
        with self._lock:
            upload = next(waiting, None)
            self.sent += upload is not None
            return upload

    def _send_until_accepted(self, client: "_Client", key: str, form: bytes, retry_for_seconds: float) -> str | None:
        deadline = time.monotonic() + retry_for_seconds
        while True:
            began = time.monotonic()
            try:
                answer = client.post(key, form)
            except (OSError, http.client.HTTPException):
                answer = None
            with self._lock:
                self.seconds.append(time.monotonic() - began)
                if image_id := self._note(key, answer):
                    return image_id
            if time.monotonic() > deadline:
                return None
            threading.Event().wait(PAUSE_SECONDS)

    def _note(self, key: str, answer: "_Answer | None") -> str | None:
        if answer is None:
            self.unanswered += 1
        elif answer.status == HTTPStatus.ACCEPTED:
            image_id: str = json.loads(answer.body)["id"]
            self.accepted[key] = image_id
            self.accepted_at[key] = time.monotonic()
            return image_id
        elif answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self.refused += 1
            refusal = answer.status == HTTPStatus.SERVICE_UNAVAILABLE
            self.without_retry_after += refusal and not answer.may_retry
        else:
            raise AssertionError(f"an upload was answered {answer.status}: {answer.body!r}")
        return None


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes
    may_retry: bool


class _Client:
    """A connection that reconnects after an error, without automatic retries."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def post(self, key: str, form: bytes) -> _Answer:
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Idempotency-Key": key}
        try:
            self._connection.request("POST", "/api/images", form, headers)
            answer = self._connection.getresponse()
            return _Answer(answer.status, answer.read(), answer.getheader("Retry-After") is not None)
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        self._connection.close()


def _form(image: bytes, description: str) -> bytes:
    part = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{{}}"{{}}\r\n\r\n'
    return b"".join(
        [
            part.format("description", "").encode() + description.encode() + b"\r\n",
            part.format("image", '; filename="photo.jpg"\r\nContent-Type: image/jpeg').encode() + image + b"\r\n",
            f"--{BOUNDARY}--\r\n".encode(),
        ]
    )


def wait_done(sent: Future[set[str]], seconds: float) -> bool:
    """Wait, and return whether all uploads were sent."""
    return bool(wait([sent], timeout=seconds).done)


def percentile(seconds: list[float], part: float) -> float:
    return sorted(seconds)[int(part * (len(seconds) - 1))]
