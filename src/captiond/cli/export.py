"""`captiond export`: downloads images into a ZIP archive or a directory."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from captiond.cli.api_client import connect
from captiond.cli.binary import check_output
from captiond.cli.console import console, count, load_settings
from captiond.cli.errors import UsageError, print_error
from captiond.cli.filters import (
    Camera,
    CapturedSince,
    CapturedUntil,
    Damaged,
    LabelTexts,
    Reencoded,
    Search,
    Since,
    Until,
    split_labels,
)
from captiond.cli.json_output import print_json
from captiond.cli.options import AsJson, Url
from captiond.operations.export import Folder, ZipExport, choose_folders, write_directory
from captiond.operations.export.index import MISSING, ExportIndex
from captiond.operations.export.prefetching import Prefetching
from captiond.operations.export.remote import RETRIES, RemoteImages

STDOUT = Path("-")


def export(  # noqa: PLR0913, PLR0917 - options of a command
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE.zip|DIR|-", help="ZIP archive, directory, or - for stdout.")
    ],
    search: Search = None,
    since: Since = None,
    until: Until = None,
    captured_since: CapturedSince = None,
    captured_until: CapturedUntil = None,
    camera: Camera = None,
    labels: LabelTexts = None,
    damaged: Damaged = None,
    reencoded: Reencoded = None,
    originals: Annotated[bool, typer.Option("--originals", help="Also the uploads.")] = False,
    proofs: Annotated[bool, typer.Option("--proofs", help="Also the proofs, with the seals and public keys.")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Download images with an index and checksums.

    Into a directory, a repeated export downloads only the files that are missing. A time is RFC 3339, such as
    2026-11-23T00:00:00Z. The exit status is 1 if files are missing or altered.
    """
    check_output(output, as_json=as_json)
    with connect(load_settings(), url, retries=RETRIES) as client:
        found = client.images(
            search=search,
            received_from=since,
            received_to=until,
            captured_from=captured_since,
            captured_to=captured_until,
            camera=camera,
            labels=split_labels(labels),
            damaged=damaged,
            reencoded=reencoded,
        )
        folders = choose_folders(originals=originals, proofs=proofs)
        try:
            index = _write(output, RemoteImages(client, found), folders)
        except OSError as error:
            raise UsageError(f"cannot write {error.filename or output}: {error.strerror}") from error
    if as_json:
        print_json({"output": str(output), "images": index.images, "missing_files": index.missing_files})
    elif output != STDOUT:
        console().print(f"{count(index.images, 'image')} exported to {output}", highlight=False, markup=False)
    if index.missing_files:
        print_error(f"{count(index.missing_files, 'file')} could not be exported; see {MISSING}")
        raise typer.Exit(1)


def _write(output: Path, source: RemoteImages, folders: Sequence[Folder]) -> ExportIndex:
    if output != STDOUT and (output.is_dir() or output.suffix.lower() != ".zip"):
        output.mkdir(parents=True, exist_ok=True)
        with closing(ExportIndex(folders, source)) as index, _progress() as show:
            for _image in write_directory(output, source, folders, index):
                show(index.images)
        return index
    with (
        _open(output) as file,
        Prefetching(source, folders) as prefetching,
        closing(ZipExport(prefetching, folders)) as export,
        _progress() as show,
    ):
        while (pieces := export.read()) is not None:
            file.writelines(pieces)
            show(export.index.images)
    return export.index


@contextmanager
def _open(output: Path) -> Iterator[BinaryIO]:
    """Open stdout, or a file that gets its name when it is complete."""
    if output == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = output.with_name(f"{output.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    """Show the number of exported images on stderr if it is a terminal."""
    terminal = Console(stderr=True)
    columns = (TextColumn("exporting"), TextColumn("{task.completed}"), TimeElapsedColumn())
    with Progress(*columns, console=terminal, transient=True, disable=not terminal.is_terminal) as progress:
        task = progress.add_task("", total=None)
        yield lambda images: progress.update(task, completed=images)
