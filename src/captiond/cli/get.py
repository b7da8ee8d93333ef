"""`captiond get` and `captiond wait`: one image by its id."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from captiond.cli.api_client import connect
from captiond.cli.binary import check_output, describe_file
from captiond.cli.console import console, load_settings, print_line
from captiond.cli.errors import FAILED_STATUS, UsageError, print_error
from captiond.cli.image_ids import parse_image_id
from captiond.cli.json_output import print_json, print_json_lines
from captiond.cli.options import AsJson, AsJsonLines, Url
from captiond.client import Client, ProblemError, Status, WaitTimeout
from captiond.client.values import to_document

STDOUT = Path("-")
STORED = "stored"

ImageId = Annotated[str, typer.Argument(metavar="ID", help="Id of the image.")]
Timeout = Annotated[float, typer.Option(metavar="SECONDS", min=0, max=86400, help="How long to wait.")]


def get(  # noqa: PLR0913 - options of a command
    image_id: ImageId,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE|-", help="File, or - for stdout.", show_default="ID.jpg in this folder"
        ),
    ] = None,
    original: Annotated[bool, typer.Option("--original", help="The upload instead of the captioned image.")] = False,
    metadata: Annotated[
        bool, typer.Option("--metadata", help="Print the metadata as JSON instead of the image.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="First wait until the image is stored.")] = False,
    timeout: Timeout = 60,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Download an image.

    The file gets its name when it is complete. The exit status is 1 if the image is not stored.
    """
    if metadata and (original or output):
        raise UsageError("--metadata: prints to stdout; leave out --original and --output")
    check_output(output, as_json=as_json)
    image_id = str(parse_image_id(image_id))
    with connect(load_settings(), url) as client:
        if wait and not _is_stored(client.wait(image_id, timeout)):
            raise typer.Exit(FAILED_STATUS)
        if metadata:
            print_json(to_document(client.metadata(image_id)))
            return
        saved = _save(client, image_id, output, original=original)
    if saved is None:
        return
    if as_json:
        print_json({"id": image_id, **describe_file(saved, saved.read_bytes())})
    else:
        print_line(console(), str(saved))


def _save(client: Client, image_id: str, output: Path | None, *, original: bool) -> Path | None:
    """Return the file, or None for stdout."""
    save = client.save_original if original else client.save_image
    if output == STDOUT:
        save(image_id, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return None
    target = output or Path(f"{image_id}{'-original' if original else ''}.jpg")
    try:
        save(image_id, target)
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error.strerror}") from error
    return target


def wait(
    image_ids: Annotated[list[str], typer.Argument(metavar="ID…", help="Ids of images.")],
    *,
    timeout: Timeout = 60,
    as_json: AsJsonLines = False,
    url: Url = None,
) -> None:
    """Wait until images are stored.

    Prints the id and the status of each. The exit status is 1 if one failed, was deleted or is not stored in time.
    """
    failed = False
    ids = [str(parse_image_id(text)) for text in image_ids]
    with connect(load_settings(), url) as client:
        for image_id in ids:
            try:
                status = client.wait(image_id, timeout)
            except WaitTimeout as error:
                status = Status(id=image_id, status=error.status)
                print_error(str(error))
            except ProblemError as error:
                if error.name != "unknown-image":
                    raise
                print_error(f"{image_id}: {error}")
                failed = True
                continue
            if as_json:
                print_json_lines([to_document(status)])
            else:
                print_line(console(), f"{status.id}  {status.status}")
            failed |= not _is_stored(status)
    if failed:
        raise typer.Exit(FAILED_STATUS)


def _is_stored(status: Status) -> bool:
    """Return whether an image is stored. Prints why it failed."""
    if status.reason or status.status == "deleted":
        print_error(f"image {status.id} is {status.status}{f': {status.reason}' if status.reason else ''}")
    return status.status == STORED
