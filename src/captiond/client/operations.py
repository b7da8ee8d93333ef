"""The operations of the API, without input and output."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import cast
from urllib.parse import parse_qsl, quote

from captiond.client.errors import ProblemError, Unavailable, UnexpectedResponse, WaitTimeout
from captiond.client.exchange import (
    Emit,
    Iteration,
    Operation,
    Pause,
    Retries,
    fetch,
    fetch_json,
    fetch_page,
    read_body,
)
from captiond.client.requests import IMAGES, Parameters, Request, Upload, check_text
from captiond.client.values import Accepted, DeadLetter, DeadLetterChanges, Image, Status, parse_value
from captiond.client.values import T as V

DEAD_LETTERS = "/api/dead-letters"
PAGE_IMAGES = PAGE_SEALS = 1000
PAGE_DEAD_LETTERS = 100
# For the body of a response without content.
MAX_EMPTY_BYTES = 64 << 10
MIN_POLL_SECONDS = 0.1
MAX_POLL_SECONDS = 2.0
# Also for the last request of `wait`, for which less time may be left.
MIN_REQUEST_SECONDS = 5.0


def image_path(image_id: str, part: str = "") -> str:
    """Return the path of an image, or of a part such as `/original`. The id may come from anywhere."""
    return f"{IMAGES}/{quote(check_text('id', image_id), safe='')}{part}"


def upload(upload: Upload, jpeg: bytes, retries: Retries) -> Operation[Accepted]:
    """Upload an image. Each attempt has the same key, so the server queues the image once."""
    return fetch_json(upload.to_request(jpeg), retries, lambda document: parse_value(Accepted, document))


def status(image_id: str, retries: Retries, max_seconds: float | None = None) -> Operation[Status]:
    request = Request("GET", image_path(image_id, "/status"), max_seconds=max_seconds)
    return fetch_json(request, retries, lambda document: parse_value(Status, document))


def wait(image_id: str, timeout_seconds: float, retries: Retries) -> Operation[Status]:
    """Poll the status until it is final. Raises WaitTimeout, and Unavailable if no status is known in time.

    While the server is unavailable, it is asked until the time is over, whatever `retries` allow.
    """
    deadline = time.monotonic() + timeout_seconds
    pause = MIN_POLL_SECONDS
    once = replace(retries, max_attempts=1)
    found: Status | None = None
    while True:
        try:
            found = yield from status(image_id, once, max(deadline - time.monotonic(), MIN_REQUEST_SECONDS))
            if found.is_final:
                return found
        except Unavailable:
            if found is None and time.monotonic() >= deadline:
                raise
        left = deadline - time.monotonic()
        if found is not None and left <= 0:
            raise WaitTimeout(image_id, found.status, timeout_seconds)
        yield Pause(max(min(pause, left), 0.0))
        pause = min(2 * pause, MAX_POLL_SECONDS)


def metadata(image_id: str, retries: Retries) -> Operation[Image]:
    request = Request("GET", image_path(image_id, "/metadata"))
    return fetch_json(request, retries, lambda document: parse_value(Image, document))


def images(parameters: Parameters, retries: Retries, max_images: int | None = None) -> Iteration[Image]:
    """Emit images, a page after another."""
    page = min(PAGE_IMAGES, max_images or PAGE_IMAGES)
    request = Request("GET", IMAGES, [*parameters, ("limit", str(page))])
    return _pages(request, Image, retries, max_images)


def export_request(parameters: Parameters, *, originals: bool, proofs: bool) -> Request:
    flags = {"originals": originals, "proofs": proofs}
    return Request("GET", "/api/export.zip", [*parameters, *((name, "true") for name, flag in flags.items() if flag)])


def dead_letters(queue: str | None, reason: str | None, retries: Retries) -> Iteration[DeadLetter]:
    """Emit dead letters, newest first."""
    given = {"queue": queue, "reason": reason, "limit": str(PAGE_DEAD_LETTERS)}
    request = Request("GET", DEAD_LETTERS, [(name, text) for name, text in given.items() if text is not None])
    return _pages(request, DeadLetter, retries, None)


def dead_letter(queue: str, entry: str, retries: Retries) -> Operation[DeadLetter]:
    request = Request(
        "GET",
        f"{DEAD_LETTERS}/{quote(check_text('queue', queue), safe='')}/{quote(check_text('entry', entry), safe='')}",
    )
    return fetch_json(request, retries, lambda document: parse_value(DeadLetter, document))


def change_dead_letters(action: str, letters: Iterable[DeadLetter], retries: Retries) -> Operation[DeadLetterChanges]:
    """Retry or drop dead letters. Each is named by its entry, so a repeated request changes none twice."""
    done = DeadLetterChanges()
    for chosen in _batches(letters, PAGE_DEAD_LETTERS):
        body: object = {"letters": [{"queue": letter.queue, "entry": letter.entry} for letter in chosen]}
        while body is not None:
            request = Request("POST", f"{DEAD_LETTERS}/{action}", json=body)
            answer = yield from fetch_json(request, retries, _require_object)
            try:
                done = _add(done, answer)
            except (KeyError, TypeError, ValueError) as error:
                raise UnexpectedResponse(f"the response has no result: {error}") from error
            body = answer.get("next")
    return done


def change(method: str, path: str, reason: str | None, retries: Retries) -> Operation[None]:
    """Delete, hold or release an image. A repetition changes nothing more.

    After a lost response, an image that is already deleted shows that the deletion is done.
    """
    request = Request(method, path, [("reason", reason)] if reason else [])
    try:
        yield from fetch(request, retries, lambda _: read_body(MAX_EMPTY_BYTES))
    except ProblemError as error:
        if error.name != "image-deleted" or error.attempts == 1:
            raise


def seals(after: int, retries: Retries) -> Operation[list[Mapping[str, object]]]:
    """Return the next seals, at most 1000."""

    def parse(document: object) -> list[Mapping[str, object]]:
        if not isinstance(document, list) or not all(isinstance(seal, dict) and "number" in seal for seal in document):
            raise UnexpectedResponse("the response is no list of seals")
        return document

    parameters = [("after", str(after)), ("limit", str(PAGE_SEALS))]
    return fetch_json(Request("GET", "/api/seals", parameters), retries, parse)


def public_keys(retries: Retries) -> Operation[Mapping[str, object]]:
    return fetch_json(Request("GET", "/.well-known/jwks.json"), retries, _require_object)


def report(retries: Retries) -> Operation[Mapping[str, object]]:
    return fetch_json(Request("GET", "/api/operations"), retries, _require_object)


def _pages(request: Request, kind: type[V], retries: Retries, max_values: int | None) -> Iteration[V]:
    left = max_values

    def parse(document: object) -> list[V]:
        if not isinstance(document, list):
            raise UnexpectedResponse(f"the response is no list of {kind.__name__}")
        return [parse_value(kind, fields) for fields in document]

    while True:
        page, following = yield from fetch_page(request, retries, parse)
        for value in page[:left]:
            yield Emit(value)
        left = None if left is None else left - len(page)
        if following is None or (left is not None and left <= 0):
            return
        # The path of the link is that of the server, which a proxy may serve below another one.
        request = Request("GET", request.path, parse_qsl(following, keep_blank_values=True))


def _batches(letters: Iterable[DeadLetter], size: int) -> Iterator[Sequence[DeadLetter]]:
    rest = iter(letters)
    while batch := list(islice(rest, size)):
        yield batch


def _add(done: DeadLetterChanges, answer: Mapping[str, object]) -> DeadLetterChanges:
    changed = answer["retried"] if "retried" in answer else answer["dropped"]
    return DeadLetterChanges(
        changed=done.changed + int(cast("int", changed)),
        missing=done.missing + int(cast("int", answer["missing"])),
        failed=done.failed + int(cast("int", answer["failed"])),
        error=done.error or cast("str | None", answer["error"]),
    )


def _require_object(document: object) -> Mapping[str, object]:
    if not isinstance(document, dict):
        raise UnexpectedResponse("the response is no JSON object")
    return document
