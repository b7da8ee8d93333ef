"""Output of the commands: results go to stdout, errors to stderr."""

import sys

import typer
from rich.console import Console
from rich.table import Table

from captiond.settings import Settings, find_unknown_variables
from captiond.settings import load_settings as read_settings

ERROR_STATUS = 2


class UsageError(Exception):
    """An argument is invalid. The message names it and the fix."""


def print_error(message: str) -> None:
    """Print an error as one line."""
    sys.stderr.write(f"captiond: {' '.join(message.split())}\n")


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
