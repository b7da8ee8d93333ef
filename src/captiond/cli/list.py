"""`captiond list`: lists archived images."""

from collections.abc import Iterable, Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from captiond.cli.api_client import connect
from captiond.cli.console import console, load_settings, print_line
from captiond.cli.errors import escape
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
from captiond.cli.json_output import print_json_lines
from captiond.cli.options import AsJsonLines, Url
from captiond.client import Image
from captiond.client.values import to_document
from captiond.times import show_time

# A description narrower than that is hard to read.
MIN_DESCRIPTION_COLUMNS = 16


def list_images(  # noqa: PLR0913 - options of a command
    *,
    search: Search = None,
    since: Since = None,
    until: Until = None,
    captured_since: CapturedSince = None,
    captured_until: CapturedUntil = None,
    camera: Camera = None,
    labels: LabelTexts = None,
    damaged: Damaged = None,
    reencoded: Reencoded = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of images.")] = 100,
    every: Annotated[bool, typer.Option("--all", help="List all images, without --limit.")] = False,
    as_json: AsJsonLines = False,
    url: Url = None,
) -> None:
    """List archived images, newest first.

    With --captured-from or --captured-to, by time of capture. A time is RFC 3339, such as 2026-11-23T00:00:00Z.
    """
    with connect(load_settings(), url) as client:
        found = client.images(
            max_images=None if every else limit,
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
        if as_json:
            print_json_lines(map(to_document, found))
        else:
            print_images(console(), found)


def print_images(out: Console, found: Iterable[Image]) -> None:
    """Print a table on a terminal that is wide enough for it, else a line per image."""
    if not out.is_terminal:
        for image in found:
            print_line(out, "  ".join(_cells(image)))
        return
    rows = [_cells(image) for image in found]
    if not rows:
        out.print("no images")
        return
    names = ("id", "received at", "camera", "description")
    widths = [max(len(row[column]) for row in (names, *rows)) for column in range(len(names) - 1)]
    frame = 3 * len(names) + 1
    if sum(widths) + frame + MIN_DESCRIPTION_COLUMNS > out.width:
        for row in rows:
            print_line(out, "  ".join(row[:-1]))
            print_line(out, row[-1], indent=4)
        return
    table = Table(header_style="bold")
    for name in names[:-1]:
        table.add_column(name, no_wrap=True)
    table.add_column(names[-1], overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    out.print(table)


def _cells(image: Image) -> Sequence[str]:
    """Return the id, the time of receipt, the camera and the description, with control characters escaped."""
    return (image.id, show_time(image.received_at), escape(image.camera or "-"), escape(image.description))
