"""`captiond send`: uploads files."""

import csv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from captiond.cli.console import console, count, load_settings
from captiond.cli.errors import UsageError, print_error
from captiond.cli.upload_server import connect
from captiond.client import CaptiondError, Client

PARALLEL_UPLOADS = 8
CAPTION_COLUMNS = {"file", "description"}


@dataclass(frozen=True, slots=True)
class FileUpload:
    """A file and its description."""

    file: Path
    description: str


class UploadFailed(Exception):
    """The service did not accept a file, or the file cannot be read."""

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(f"{file}: {reason}")


def send(
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILE…", help="JPEG files.")] = None,
    description: Annotated[str | None, typer.Option(help="Description of all files.")] = None,
    captions: Annotated[Path | None, typer.Option(help="CSV file with the columns file and description.")] = None,
    url: Annotated[str | None, typer.Option(help="URL of the API.", show_default="CAPTIOND_API_URL")] = None,
) -> None:
    """Upload files.

    All files get one description, or each its own from a CSV file. The exit status is 1 if any upload fails.
    """
    uploads = list(_uploads(files or [], description, captions))
    failures = list(_send_all(uploads, connect(load_settings(), url)))
    for failure in failures:
        print_error(str(failure))
    console().print(f"{len(uploads) - len(failures)} of {count(len(uploads), 'file')} sent")
    if failures:
        raise typer.Exit(1)


def _uploads(files: list[Path], description: str | None, captions: Path | None) -> Iterator[FileUpload]:
    if captions is not None and not files and description is None:
        yield from _read_captions(captions)
    elif captions is None and files and description is not None:
        yield from (FileUpload(file, description) for file in files)
    else:
        raise UsageError("give either FILE… and --description TEXT, or --captions FILE.csv")


def _read_captions(captions: Path) -> Iterator[FileUpload]:
    """Read a CSV file. Its file names are relative to its directory."""
    try:
        with captions.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            if missing := CAPTION_COLUMNS - set(reader.fieldnames or ()):
                raise UsageError(f"{captions}: missing columns: {', '.join(sorted(missing))}")
            for row in reader:
                yield FileUpload(captions.parent / (row["file"] or ""), row["description"] or "")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"cannot read {captions}: {error}") from error


def _send_all(uploads: list[FileUpload], client: Client) -> Iterator[UploadFailed]:
    columns = (TextColumn("sending"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        client,
        ThreadPoolExecutor(PARALLEL_UPLOADS) as pool,
        Progress(*columns, console=console()) as progress,
    ):
        task = progress.add_task("", total=len(uploads))
        for done in as_completed([pool.submit(_send_one, client, upload) for upload in uploads]):
            progress.advance(task)
            try:
                done.result()
            except UploadFailed as failure:
                yield failure


def _send_one(client: Client, upload: FileUpload) -> None:
    """Upload one file, with the same key on every attempt so that it is archived once. Raises UploadFailed."""
    try:
        jpeg = upload.file.read_bytes()
    except OSError as error:
        raise UploadFailed(upload.file, error.strerror or str(error)) from error
    try:
        client.upload(jpeg, description=upload.description, idempotency_key=str(uuid4()))
    except CaptiondError as error:
        raise UploadFailed(upload.file, str(error)) from error
