"""The options that select images: the filters of `GET /api/images`."""

from collections.abc import Sequence
from typing import Annotated, TypeAlias

import typer

from captiond.cli.errors import UsageError
from captiond.names import normalize_name


def parse_camera(text: str) -> str:
    """Normalise the name of a camera. Raises UsageError for an argument of bytes that are not UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"--camera: {text!r} is not Unicode text; use UTF-8") from error
    return normalize_name(text)


Search: TypeAlias = Annotated[str | None, typer.Option(metavar="TEXT", help="Text in the description.")]
Since: TypeAlias = Annotated[str | None, typer.Option("--from", metavar="TIME", help="Received at or after.")]
Until: TypeAlias = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Received before.")]
CapturedSince: TypeAlias = Annotated[
    str | None, typer.Option("--captured-from", metavar="TIME", help="Captured at or after.")
]
CapturedUntil: TypeAlias = Annotated[str | None, typer.Option("--captured-to", metavar="TIME", help="Captured before.")]
Camera: TypeAlias = Annotated[str | None, typer.Option(metavar="NAME", parser=parse_camera, help="Name of the camera.")]
LabelTexts: TypeAlias = Annotated[
    list[str] | None, typer.Option("--label", metavar="NAME:VALUE", help="Label; repeatable.")
]
Damaged: TypeAlias = Annotated[bool | None, typer.Option("--damaged/--intact", help="Damaged or intact photos.")]
Reencoded: TypeAlias = Annotated[
    bool | None, typer.Option("--reencoded/--lossless", help="Re-encoded or losslessly captioned photos.")
]


def split_labels(texts: Sequence[str] | None) -> dict[str, str]:
    """Split each `NAME:VALUE`. Raises UsageError."""
    labels: dict[str, str] = {}
    for text in texts or ():
        name, separator, value = text.partition(":")
        if not separator:
            raise UsageError(f"--label: {text!r} has no colon; use NAME:VALUE, such as speed:83")
        if name in labels:
            raise UsageError(f"--label: {name!r} is given twice; an image has one value of a label")
        labels[name] = value
    return labels
