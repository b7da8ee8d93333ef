"""Errors of the commands on stderr.

Text from uploads, Redis, the database or a server passes `escape`, because a terminal executes control sequences in it.
"""

import io
import re
import sys

import typer

# Some images or messages failed.
FAILED_STATUS = 1
# Usage, configuration, or a server that is unavailable.
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


def require_subcommand(context: typer.Context) -> None:
    """Without a subcommand, print the help to stderr and exit with status 2."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(ERROR_STATUS)
