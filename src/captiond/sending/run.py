"""Uploads photos in parallel, each once, and waits for their images."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from captiond.backoff import backoff_seconds
from captiond.client import CaptiondError, Client, ProblemError, Status, Unavailable, UnexpectedResponse
from captiond.client.requests import Upload
from captiond.image import id_of_key
from captiond.sending.parallel import run_parallel
from captiond.sending.photo import Photo, UnusableFile, read_file
from captiond.stop_signal import StopSignal

INTERRUPTED = "not sent: interrupted"
NOT_AWAITED = "sent, but interrupted before the image was stored"
_BASE_SECONDS = 0.2
_CAP_SECONDS = 5.0
_POLL_SECONDS = 0.25
_KEY = "Idempotency-Key"
_STORED = "stored"
# Statuses that every photo would get: no valid API key, or another server.
_REFUSES_ALL = frozenset({401, 403, 404, 405})
_WRONG_CAMERA = "wrong-camera"
_UNKNOWN = "unknown-image"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a photo.

    `status` is that of its image, None if the server has none. `is_sent` means that this run uploaded it. `is_tried` is
    false if the run ended before. Without an `error`, the server has the image.
    """

    photo: Photo
    image_id: str | None = None
    status: str | None = None
    is_sent: bool = False
    error: str | None = None
    is_tried: bool = True


class RetryDeadline:
    """Ends the retries of a command once no attempt has succeeded for `timeout_seconds`; waits between attempts."""

    def __init__(self, timeout_seconds: float, stop: StopSignal, report: Callable[[str], object]) -> None:
        """`report` gets the reason of an outage when it starts."""
        self.given_up: str | None = None
        self._timeout_seconds = timeout_seconds
        self._stop = stop
        self._report = report
        self._lock = threading.Lock()
        self._last_success = time.monotonic()
        self._is_outage = False

    def record_success(self) -> None:
        """End an outage."""
        with self._lock:
            self._last_success = time.monotonic()
            self._is_outage = False

    def restart(self) -> None:
        """Start the time again, for the next phase of a command."""
        self.record_success()
        self.given_up = None

    def wait_for_server(self, reason: str, seconds: float) -> bool:
        """Wait after a failed attempt. Return whether to try again."""
        with self._lock:
            is_new, self._is_outage = not self._is_outage, True
        if is_new:
            self._report(reason)
        return self.wait(reason, seconds)

    def wait(self, reason: str, seconds: float) -> bool:
        """Wait. Return False after a stop, and when nothing has succeeded for too long."""
        with self._lock:
            left = self._last_success + self._timeout_seconds - time.monotonic()
            if left <= 0:
                self.given_up = reason
        return left > 0 and not self._stop.wait(min(seconds, left)) and self.given_up is None


class Run:
    """Uploads the photos of one command.

    An interrupted run can be repeated, because the server is asked for each image before its photo is uploaded.
    """

    def __init__(self, client: Client, deadline: RetryDeadline, threads: int, max_bytes: int, stop: StopSignal) -> None:
        """`client` makes one attempt per call."""
        self._client = client
        self._deadline = deadline
        self._threads = threads
        self._max_bytes = max_bytes
        self._stop = stop
        self._asks = True

    def upload(self, photos: list[Photo]) -> Iterator[Result]:
        """Upload all photos that the server lacks. After a stop, the others have the error INTERRUPTED."""
        missing = dict(enumerate(photos))
        seen: set[str] = set()

        def upload_one(numbered: tuple[int, Photo]) -> tuple[int, Result]:
            return numbered[0], self._upload_one(numbered[1])

        for number, result in run_parallel(upload_one, enumerate(photos), self._threads, self._stop):
            del missing[number]
            if result.image_id is None:
                yield result
            else:  # of files with the same content and fields, one counts as sent
                yield replace(result, is_sent=result.is_sent and result.image_id not in seen)
                seen.add(result.image_id)
        for photo in missing.values():
            yield Result(photo, error=INTERRUPTED, is_tried=False)

    def await_final(self, results: Iterable[Result]) -> Iterator[Result]:
        """Wait until each image is stored or failed. A failed image is an error."""
        waiting = dict(enumerate(results))
        self._deadline.restart()

        def await_one(numbered: tuple[int, Result]) -> tuple[int, Result]:
            return numbered[0], self._await_one(numbered[1])

        for number, result in run_parallel(await_one, list(waiting.items()), self._threads, self._stop):
            del waiting[number]
            yield result
        for result in waiting.values():
            yield replace(result, error=NOT_AWAITED)

    def _upload_one(self, photo: Photo) -> Result:
        if self._deadline.given_up is not None:
            return Result(photo, error=f"not sent: {self._deadline.given_up}", is_tried=False)
        try:
            jpeg = read_file(photo.file, self._max_bytes)
        except UnusableFile as error:
            return Result(photo, error=str(error))
        key = Upload(photo.description, photo.captured_at, photo.camera, photo.labels).to_request(jpeg).headers[_KEY]
        return self._find_known(photo, str(id_of_key(key))) or self._send(photo, jpeg, key)

    def _find_known(self, photo: Photo, image_id: str) -> Result | None:
        """Request the status of the image, which takes less than a photo. Return None if the photo must be sent."""
        if not self._asks:
            return None
        try:
            status = self._client.status(image_id)
        except Unavailable:
            return None
        except CaptiondError as error:
            # The API key may lack the scope `read`.
            self._asks = isinstance(error, ProblemError) and error.name == _UNKNOWN
            return None
        self._deadline.record_success()
        return _with_status(Result(photo, image_id), status)

    def _send(self, photo: Photo, jpeg: bytes, key: str) -> Result:
        attempt = 0
        while True:
            attempt += 1
            try:
                accepted = self._client.upload(
                    jpeg,
                    description=photo.description,
                    captured_at=photo.captured_at,
                    camera=photo.camera,
                    labels=photo.labels,
                    idempotency_key=key,
                )
            except Unavailable as error:
                seconds = error.retry_after_seconds or backoff_seconds(attempt, _BASE_SECONDS, _CAP_SECONDS)
                if not self._deadline.wait_for_server(error.reason, seconds):
                    return Result(photo, error=error.reason)
            except (ProblemError, UnexpectedResponse) as error:
                self._deadline.record_success()
                if isinstance(error, ProblemError) and error.status in _REFUSES_ALL and error.name != _WRONG_CAMERA:
                    self._deadline.given_up = str(error)
                return Result(photo, error=str(error))
            else:
                self._deadline.record_success()
                return Result(photo, accepted.id, accepted.status, is_sent=True)

    def _await_one(self, result: Result) -> Result:
        while result.image_id is not None and result.error is None and result.status != _STORED:
            try:
                status = self._client.status(result.image_id)
            except Unavailable as error:
                reason = error.reason
                goes_on = self._deadline.wait_for_server(reason, 4 * _POLL_SECONDS)
            except (ProblemError, UnexpectedResponse) as error:
                return replace(result, error=f"cannot wait for image {result.image_id}: {error}")
            else:
                result = _with_status(result, status)
                if status.is_final:
                    self._deadline.record_success()
                    break
                reason = f"image {result.image_id} is still {status.status}"
                goes_on = self._deadline.wait(reason, _POLL_SECONDS)
            if not goes_on:
                return replace(result, error=NOT_AWAITED if self._stop.is_set() else reason)
        return result


def _with_status(result: Result, status: Status) -> Result:
    error = None
    if status.status == "failed":
        error = f"image {status.id} failed: {status.reason}"
    elif status.status == "deleted":
        error = f"image {status.id} was deleted"
    return replace(result, status=status.status, error=error)
