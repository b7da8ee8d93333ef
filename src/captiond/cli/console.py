"""Results of the commands on stdout, and their settings."""

import re

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from captiond.cli.errors import escape, print_error
from captiond.settings import Settings, find_unknown_variables
from captiond.settings import load_settings as read_settings

UNLIMITED_WIDTH = 1_000_000
# With the spaces around it.
WORD = re.compile(" *[^ ]+ *")


def print_line(out: Console, text: str, *, indent: int = 0, hanging: int = 0) -> None:
    """Print a line of untrusted text, with control characters escaped and without markup.

    A line wider than the terminal breaks only between words, so that ids and paths can be copied.
    """
    print_wrapped(out, Text(escape(text)), indent=indent, hanging=hanging)


def print_wrapped(out: Console, text: Text, *, indent: int = 0, hanging: int = 0) -> None:
    """Print text wrapped to the terminal's width and indented by `indent` spaces. Long words are not split.

    The lines after the first are indented by `hanging` more spaces.
    """
    for number, line in enumerate(text.divide(_line_starts(text.plain, out.width - indent, hanging))):
        line.rstrip()
        line.pad_left(indent + (hanging if number else 0))
        out.print(line, no_wrap=True, overflow="ignore", crop=False)


def _line_starts(text: str, width: int, hanging: int) -> list[int]:
    """Return the offsets of the words that start a new line. rich would split words that are longer than a line."""
    starts: list[int] = []
    line_width = last_start = 0
    for word in WORD.finditer(text):
        if word.start() > last_start and line_width + cell_len(word[0].rstrip()) > width:
            starts.append(last_start := word.start())
            line_width = hanging
        line_width += cell_len(word[0])
    return starts


def load_settings() -> Settings:
    """Read the settings, and print a warning for each unknown variable. Raises ConfigurationError."""
    settings = read_settings()
    warn_of_unknown_variables()
    return settings


def warn_of_unknown_variables() -> None:
    """Print a line for each misspelled variable. Services log it instead."""
    for problem in find_unknown_variables():
        print_error(f"warning: {problem}")


def console() -> Console:
    """Return the console for results. Without a terminal, lines are not wrapped."""
    terminal = Console(highlight=False)
    return terminal if terminal.is_terminal else Console(width=UNLIMITED_WIDTH)


def count(number: int, noun: str) -> str:
    """Return "1 image", "2 images"."""
    return f"{number} {noun}{'s' * (number != 1)}"
