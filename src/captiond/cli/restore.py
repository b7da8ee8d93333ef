"""`captiond restore`: restores the uploaded file of a captioned image."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from captiond.cli.auditing import record
from captiond.cli.binary import STANDARD, check_output, describe_file, write_binary
from captiond.cli.console import console, load_settings, print_line
from captiond.cli.errors import UsageError, print_error
from captiond.cli.hung_database import exit_if_hung
from captiond.cli.json_output import print_json
from captiond.cli.options import AsJson
from captiond.imaging import NotRestorable, restore
from captiond.operations.originals import OriginalUnavailable, load_original
from captiond.wiring.archives import open_archive


def restore_original(
    source: Annotated[
        str, typer.Argument(metavar="ID|FILE", help="Id of an archived image, or a captioned JPEG file.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE|-", help="File to write, or - for stdout.")],
    as_json: AsJson = False,
) -> None:
    """Write the exact upload of a captioned image to a file.

    The exit status is 1 if the upload cannot be restored.
    """
    check_output(output, as_json=as_json)
    try:
        original = _of_file(Path(source)) if Path(source).is_file() else _of_archive(source)
    except (NotRestorable, OriginalUnavailable) as error:
        print_error(str(error))
        raise typer.Exit(1) from error
    write_binary(output, original)
    if as_json:
        print_json(describe_file(output, original))
    elif str(output) != STANDARD:
        print_line(console(), str(output))


def _of_file(file: Path) -> bytes:
    try:
        return restore(file.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error


def _of_archive(source: str) -> bytes:
    try:
        image_id = UUID(source)
    except ValueError as error:
        raise UsageError(f"{source} is neither a file nor an image id") from error
    settings = load_settings()
    with open_archive(settings) as archive, exit_if_hung(archive):
        archive.check_deployment()
        image = archive.find(image_id)
        if image is None:
            raise OriginalUnavailable(f"image {image_id} is not archived")
        try:
            original = load_original(archive, image)
        except FileNotFoundError as error:
            missing = f"image {image_id}: its file is missing from the archive; run `captiond verify`"
            raise OriginalUnavailable(missing) from error
    record(settings, "read.original", image_id=image_id)
    return original
