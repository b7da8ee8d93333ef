"""Output of the commands: results go to stdout, errors to stderr.

Text from uploads, Redis, the database or a server passes `escape`, because a terminal executes control sequences in it.
"""

import io
import re
import sys

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from captiond.settings import Settings, find_unknown_variables
from captiond.settings import load_settings as read_settings

ERROR_STATUS = 2
UNLIMITED_WIDTH = 1_000_000
# C0, DEL, C1, the property Bidi_Control of Unicode, line and paragraph separators, and lone surrogates.
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\ud800-\udfff]")
# With the spaces around it.
WORD = re.compile(" *[^ ]+ *")


class UsageError(Exception):
    """An argument is invalid. The message names it and the fix."""


def escape(text: str) -> str:
    """Replace each control character by its escape sequence in JSON, such as that of U+001B."""
    return CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def escape_unencodable() -> None:
    """Print characters that the encoding of stdout or stderr lacks as escape sequences, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def print_error(message: str) -> None:
    """Print an error as one line."""
    sys.stderr.write(f"captiond: {escape(' '.join(message.split()))}\n")


def print_line(out: Console, text: str, *, indent: int = 0) -> None:
    """Print a line of untrusted text, with control characters escaped and without markup.

    A line wider than the terminal breaks only between words, so that ids and paths can be copied.
    """
    print_wrapped(out, Text(escape(text)), indent=indent)


def print_wrapped(out: Console, text: Text, *, indent: int = 0) -> None:
    """Print text wrapped to the terminal's width and indented by `indent` spaces. Long words are not split."""
    for line in text.divide(_line_starts(text.plain, out.width - indent)):
        line.rstrip()
        line.pad_left(indent)
        out.print(line, no_wrap=True, overflow="ignore", crop=False)


def _line_starts(text: str, width: int) -> list[int]:
    """Return the offsets of the words that start a new line. rich would split words that are longer than a line."""
    starts: list[int] = []
    line_width = 0
    for word in WORD.finditer(text):
        if line_width and line_width + cell_len(word[0].rstrip()) > width:
            starts.append(word.start())
            line_width = 0
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
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=UNLIMITED_WIDTH)


def count(number: int, noun: str) -> str:
    """Return "1 image", "2 images"."""
    return f"{number} {noun}{'s' * (number != 1)}"


def require_subcommand(context: typer.Context) -> None:
    """Without a subcommand, print the help to stderr and exit with status 2."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(ERROR_STATUS)
