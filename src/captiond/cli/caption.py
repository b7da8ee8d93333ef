"""`captiond caption`: captions a file without a server."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import uuid4
from zoneinfo import ZoneInfo

import typer

from captiond.cli.binary import check_output, describe_file, read_binary, write_binary
from captiond.cli.console import load_settings
from captiond.cli.errors import FAILED_STATUS, UsageError, escape, print_error
from captiond.cli.json_output import print_json
from captiond.cli.options import AsJson
from captiond.image import MAX_DESCRIPTION_CHARACTERS, ReceivedImage
from captiond.imaging import BadImage
from captiond.operations.caption_template import CaptionTemplate
from captiond.wiring.captions import make_captioner


def caption(
    source: Annotated[str, typer.Argument(metavar="IN", help="JPEG file, or - for stdin.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The description, up to 200 characters.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE|-", help="File to write, or - for stdout.")],
    as_json: AsJson = False,
) -> None:
    """Write a text below a JPEG file, without a server.

    Prints to stderr whether the photo was captioned losslessly, or why it was re-encoded; with --json to stdout. Font,
    style and template are those of the settings. The exit status is 1 if the file cannot be captioned.
    """
    check_output(output, as_json=as_json)
    if not text.strip() or len(text) > MAX_DESCRIPTION_CHARACTERS:
        raise UsageError(f"TEXT: {len(text)} characters; the text needs 1 to {MAX_DESCRIPTION_CHARACTERS}")
    settings = load_settings()
    captioner = make_captioner(settings)
    image = ReceivedImage(id=uuid4(), received_at=datetime.now(UTC), description=text, upload_sha256=b"")
    line = CaptionTemplate(settings.caption_template, ZoneInfo(settings.timezone)).fill(image)
    try:
        captioned = captioner.add_caption(read_binary(source), line)
    except BadImage as error:
        print_error(f"{source}: {error}")
        raise typer.Exit(FAILED_STATUS) from error
    write_binary(output, captioned.jpeg)
    reason = captioned.reencode_reason
    if as_json:
        size = {"width": captioned.width, "height": captioned.height}
        added = {"method": "lossless" if reason is None else "reencoded", "reencode_reason": reason}
        print_json({**describe_file(output, captioned.jpeg), **size, **added})
        return
    method = "lossless" if reason is None else f"re-encoded: {reason}"
    sys.stderr.write(f"{captioned.width} x {captioned.height} pixels, {escape(method)}\n")
