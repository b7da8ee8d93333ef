"""The output of `captiond list`: ids are complete at every width."""

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from captiond.cli.list import print_images
from captiond.client import Image

NOW = datetime(2026, 11, 23, 22, 31, tzinfo=UTC)
IMAGES = [
    Image(
        id=f"0197a3b4-0000-7000-8000-00000000000{number}",
        received_at=NOW,
        stored_at=NOW,
        description="Ворота \x1b[31m4[bold] " * number * 4,
        width=64,
        height=80,
        bytes=1000,
        sha256="00",
        upload_sha256="11",
        method="lossless",
        camera="Lenina 12, north",
    )
    for number in range(1, 4)
]


def show(width: int, *, terminal: bool) -> str:
    file = io.StringIO()
    print_images(Console(file=file, width=width, force_terminal=terminal, color_system=None), iter(IMAGES))
    return file.getvalue()


@pytest.mark.parametrize("width", [30, 60, 80, 110, 120, 200])
def test_ids_are_complete_and_text_is_escaped_on_a_terminal(width: int) -> None:
    shown = show(width, terminal=True)

    assert all(image.id in shown for image in IMAGES)
    assert "\x1b" not in shown
    assert r"\u001b[31m4[bold]" in shown.replace("\n", "")


def test_wide_terminal_gets_a_table() -> None:
    assert "┃ received at" in show(120, terminal=True)
    assert "┃" not in show(80, terminal=True)


def test_pipe_gets_a_line_per_image() -> None:
    lines = show(1000, terminal=False).splitlines()

    assert [line.split("  ")[:3] for line in lines] == [
        [image.id, "2026-11-23 22:31:00Z", "Lenina 12, north"] for image in IMAGES
    ]


def test_no_images_are_stated_on_a_terminal_only() -> None:
    terminal, pipe = io.StringIO(), io.StringIO()

    print_images(Console(file=terminal, force_terminal=True), [])
    print_images(Console(file=pipe), [])

    assert (terminal.getvalue(), pipe.getvalue()) == ("no images\n", "")
