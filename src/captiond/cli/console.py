"""Output of the commands: results go to stdout, errors to stderr."""

import sys

from rich.console import Console
from rich.table import Table


def print_error(message: str) -> None:
    """Print an error as one line."""
    sys.stderr.write(f"captiond: {' '.join(message.split())}\n")


def console() -> Console:
    """Return the console for results. Without a terminal it is wide enough for any table."""
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=200)


def table(title: str, *columns: str, numbers: tuple[str, ...] = ()) -> Table:
    """Return an empty table. The columns in `numbers` are right-aligned."""
    made = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return made
