"""`captiond send`: many files at once."""

import csv
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import httpx
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from captiond.cli.console import console, print_error
from captiond.settings import ConfigurationError

AT_ONCE = 8
TRIES = 5
TIMEOUT_SECONDS = 60
CAPTION_COLUMNS = {"file", "description"}


@dataclass(frozen=True, slots=True)
class Parcel:
    """One file to send."""

    file: Path
    description: str


class NotSent(Exception):
    """The service did not take a file."""

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(f"{file}: {reason}")


def send(
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILE…", help="JPEG files.")] = None,
    description: Annotated[str | None, typer.Option(help="One text for all files.")] = None,
    captions: Annotated[Path | None, typer.Option(help="CSV with the columns file,description.")] = None,
    url: Annotated[str, typer.Option(help="Where captiond runs.")] = "http://127.0.0.1:8000",
) -> None:
    """Send files. Each gets the same description, or its own from a CSV; exit status 1 when any was not taken."""
    parcels = list(_parcels(files or [], description, captions))
    failures = list(_send_all(parcels, url))
    for failure in failures:
        print_error(str(failure))
    console().print(f"{len(parcels) - len(failures)} of {len(parcels)} sent")
    if failures:
        raise typer.Exit(1)


def _parcels(files: list[Path], description: str | None, captions: Path | None) -> Iterator[Parcel]:
    if captions is not None and not files and description is None:
        yield from _read_captions(captions)
    elif captions is None and files and description is not None:
        yield from (Parcel(file, description) for file in files)
    else:
        raise ConfigurationError("give FILE… with --description TEXT, or --captions FILE.csv")


def _read_captions(captions: Path) -> Iterator[Parcel]:
    """Files are named relative to the CSV."""
    try:
        with captions.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            if missing := CAPTION_COLUMNS - set(reader.fieldnames or ()):
                raise ConfigurationError(f"{captions} has no column {', '.join(sorted(missing))}")
            for row in reader:
                yield Parcel(captions.parent / (row["file"] or ""), row["description"] or "")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(f"{captions} cannot be read: {error}") from error


def _send_all(parcels: list[Parcel], url: str) -> Iterator[NotSent]:
    columns = (TextColumn("sending"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS) as client,
        ThreadPoolExecutor(AT_ONCE) as pool,
        Progress(*columns, console=console()) as progress,
    ):
        task = progress.add_task("", total=len(parcels))
        for done in as_completed([pool.submit(_send_one, client, parcel) for parcel in parcels]):
            progress.advance(task)
            try:
                done.result()
            except NotSent as failure:
                yield failure


def _send_one(client: httpx.Client, parcel: Parcel) -> None:
    """Send one file; the same key on every try keeps it from being stored twice. Raises NotSent."""
    try:
        image = parcel.file.read_bytes()
    except OSError as error:
        raise NotSent(parcel.file, error.strerror or str(error)) from error
    headers = {"Idempotency-Key": str(uuid4())}
    reason = ""
    for attempt in range(1, TRIES + 1):
        try:
            answer = client.post(
                "/api/images",
                files={"image": (parcel.file.name, image, "image/jpeg")},
                data={"description": parcel.description},
                headers=headers,
            )
        except httpx.TransportError as error:
            reason, wait_seconds = f"{client.base_url} does not answer: {error}", float(attempt)
        else:
            if answer.status_code == HTTPStatus.ACCEPTED:
                return
            reason = _reason(answer)
            if answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
                break
            wait_seconds = float(answer.headers.get("Retry-After", attempt))
        if attempt < TRIES:
            time.sleep(wait_seconds)
    raise NotSent(parcel.file, reason)


def _reason(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code}"
