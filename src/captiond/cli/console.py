"""Output of the commands: results go to stdout, errors to stderr.

Text from uploads, Redis, the database or a server passes `escape`, because a terminal executes control sequences in it.
"""

import io
import re
import sys

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from captiond.settings import Settings, find_unknown_variables
from captiond.settings import load_settings as read_settings

ERROR_STATUS = 2
# C0, DEL, C1, the property Bidi_Control of Unicode, line and paragraph separators, and lone surrogates.
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\ud800-\udfff]")


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


def print_line(out: Console, text: str) -> None:
    """Print a line of text from outside, with control characters escaped and without markup."""
    out.print(escape(text), markup=False, highlight=False)


def cell(text: str) -> Text:
    """Return a table cell with text from outside, with control characters escaped and without markup."""
    return Text(escape(text))


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
    """Return the console for results. Without a terminal it is wide enough for any table."""
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=200)


def table(*columns: str, numbers: tuple[str, ...] = ()) -> Table:
    """Return an empty table. The columns in `numbers` are right-aligned."""
    made = Table(header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return made


def count(number: int, noun: str) -> str:
    """Return "1 image", "2 images"."""
    return f"{number} {noun}{'s' * (number != 1)}"


def require_subcommand(context: typer.Context) -> None:
    """Without a subcommand, print the help to stderr and exit with status 2."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(ERROR_STATUS)
