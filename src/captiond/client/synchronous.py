"""The synchronous client: performs the steps of the operations with `httpx.Client`."""

import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from types import TracebackType
from typing import Self, Unpack, assert_never

import httpx

from captiond.client import follow, operations
from captiond.client.connection import Server, request_arguments
from captiond.client.downloads import Destination, download, save
from captiond.client.exchange import (
    Done,
    Emit,
    Iteration,
    Open,
    Operation,
    Outcome,
    Pause,
    Read,
    Retries,
    Step,
    T,
    advance,
)
from captiond.client.requests import Filters, Request, Source, Time, Upload, make_parameters, read_source
from captiond.client.values import Accepted, DeadLetter, DeadLetterChanges, Event, Image, Status


class Client:
    """A client of one server. Threads may share it. `with` or `close` ends its connections.

    Every method raises Unavailable after its retries, ProblemError for a refused request, and UnexpectedResponse.
    The constructor raises InvalidUrl and InvalidApiKey.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        retries: Retries | None = None,
        timeout_seconds: float = 60.0,
    ) -> None:
        server = Server.parse(url, api_key, timeout_seconds)
        self.shown_url = server.shown_url
        self._retries = retries or Retries()
        self._http = httpx.Client(**server.options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def upload(  # noqa: PLR0913 - one per field
        self,
        source: Source,
        *,
        description: str,
        captured_at: Time | None = None,
        camera: str | None = None,
        labels: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Accepted:
        """Upload a JPEG: a path, its bytes, or a binary file. After the return, the image survives a crash.

        Without a key, the same content with the same fields is stored once, however often it is sent.
        Raises OSError if the source cannot be read.
        """
        upload = Upload(description, captured_at, camera, labels, idempotency_key)
        return self._run(operations.upload(upload, read_source(source), self._retries))

    def status(self, image_id: str) -> Status:
        """Return the status of an image."""
        return self._run(operations.status(image_id, self._retries))

    def wait(self, image_id: str, timeout: float = 60.0) -> Status:
        """Wait until an image is stored, failed or deleted. Raises WaitTimeout after `timeout` seconds.

        An unavailable server gets further requests until then. Raises Unavailable if no response had a status.
        """
        return self._run(operations.wait(image_id, timeout, self._retries))

    def images(self, *, max_images: int | None = None, **filters: Unpack[Filters]) -> Iterator[Image]:
        """Iterate over archived images, newest first; with a filter of capture times, by time of capture."""
        return self._iterate(operations.images(make_parameters(filters), self._retries, max_images))

    def metadata(self, image_id: str) -> Image:
        """Return the metadata of an archived image."""
        return self._run(operations.metadata(image_id, self._retries))

    def image(self, image_id: str) -> bytes:
        """Return the captioned JPEG."""
        return self._run(download(Request("GET", operations.image_path(image_id)), self._retries))

    def original(self, image_id: str) -> bytes:
        """Return the upload, byte for byte."""
        return self._run(download(Request("GET", operations.image_path(image_id, "/original")), self._retries))

    def thumbnail(self, image_id: str) -> bytes:
        """Return a JPEG of at most 320x320 pixels."""
        return self._run(download(Request("GET", operations.image_path(image_id, "/thumbnail")), self._retries))

    def proof(self, image_id: str) -> bytes:
        """Return the proof that a seal contains the image: the JSON of `GET /api/images/{id}/proof`."""
        return self._run(download(Request("GET", operations.image_path(image_id, "/proof")), self._retries))

    def seals(self, *, after: int = 0) -> list[Mapping[str, object]]:
        """Return the seals with a number above `after`, oldest first, at most 1000: the JSON of `GET /api/seals`."""
        return self._run(operations.seals(after, self._retries))

    def public_keys(self) -> Mapping[str, object]:
        """Return the JWK Set (RFC 7517) that verifies receipts and seals."""
        return self._run(operations.public_keys(self._retries))

    def save_image(self, image_id: str, destination: Destination) -> None:
        """Write the captioned JPEG to a file or a binary stream. Raises OSError."""
        self._run(save(Request("GET", operations.image_path(image_id)), self._retries, destination))

    def save_original(self, image_id: str, destination: Destination) -> None:
        """Write the upload to a file or a binary stream. Raises OSError."""
        self._run(save(Request("GET", operations.image_path(image_id, "/original")), self._retries, destination))

    def export(
        self,
        destination: Destination,
        *,
        originals: bool = False,
        proofs: bool = False,
        **filters: Unpack[Filters],
    ) -> None:
        """Write a ZIP archive of images to a file or a binary stream. Raises OSError."""
        self._run(
            save(
                operations.export_request(make_parameters(filters), originals=originals, proofs=proofs),
                self._retries,
                destination,
            )
        )

    def events(self, *, last_event_id: str | None = None, fields: bool = False) -> Iterator[Event]:
        """Follow status changes forever, and resume after a broken connection.

        With `last_event_id`, the events after that one come first. `fields` adds `captured_at`, `camera` and `labels`.
        """
        return self._iterate(follow.follow(last_event_id, fields=fields, retries=self._retries))

    def delete(self, image_id: str, *, reason: str | None = None) -> None:
        """Delete an image for good."""
        self._run(operations.change("DELETE", operations.image_path(image_id), reason, self._retries))

    def hold(self, image_id: str, *, reason: str | None = None) -> None:
        """Protect an image from deletion."""
        self._run(operations.change("PUT", operations.image_path(image_id, "/hold"), reason, self._retries))

    def unhold(self, image_id: str) -> None:
        """Release an image from its legal hold."""
        self._run(operations.change("DELETE", operations.image_path(image_id, "/hold"), None, self._retries))

    def dead_letters(self, *, queue: str | None = None, reason: str | None = None) -> Iterator[DeadLetter]:
        """Iterate over dead letters, newest first, of one queue or with a text in the error."""
        return self._iterate(operations.dead_letters(queue, reason, self._retries))

    def dead_letter(self, queue: str, entry: str) -> DeadLetter:
        """Return a dead letter with its traceback and fields."""
        return self._run(operations.dead_letter(queue, entry, self._retries))

    def retry_dead_letters(self, letters: Iterable[DeadLetter]) -> DeadLetterChanges:
        """Return dead letters to their queues."""
        return self._run(operations.change_dead_letters("retry", letters, self._retries))

    def drop_dead_letters(self, letters: Iterable[DeadLetter]) -> DeadLetterChanges:
        """Delete dead letters. Their images are lost."""
        return self._run(operations.change_dead_letters("drop", letters, self._retries))

    def operations(self) -> Mapping[str, object]:
        """Return the state of queues, workers and database: the JSON of `GET /api/operations`."""
        return self._run(operations.report(self._retries))

    def _run(self, operation: Operation[T]) -> T:
        with closing(_Transfer(self._http)) as transfer:
            step = advance(operation, None)
            while not isinstance(step, Done):
                step = advance(operation, transfer.perform(step))
            return step.value

    def _iterate(self, iteration: Iteration[T]) -> Generator[T]:
        with closing(_Transfer(self._http)) as transfer, closing(iteration):
            step = advance(iteration, None)
            while not isinstance(step, Done):
                if isinstance(step, Emit):
                    yield step.value
                    step = advance(iteration, None)
                else:
                    step = advance(iteration, transfer.perform(step))


@dataclass(slots=True)
class _Transfer:
    """Performs the steps of one operation. Its response stays open until the next one."""

    http: httpx.Client
    response: httpx.Response | None = None
    chunks: Iterator[bytes] | None = None

    def perform(self, step: Step) -> Outcome:
        try:
            match step:
                case Open(request):
                    self.close()
                    self.response = self.http.send(
                        self.http.build_request(**request_arguments(request, self.http.timeout)), stream=True
                    )
                    self.chunks = self.response.iter_bytes()
                    return self.response
                case Read():
                    return next(self.chunks, b"") if self.chunks else b""
                case Pause(seconds):
                    self.close()
                    time.sleep(seconds)
                    return None
                case other:
                    assert_never(other)
        except httpx.HTTPError as error:
            return error

    def close(self) -> None:
        if self.response is not None:
            self.response.close()
