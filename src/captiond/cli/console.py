"""Where the commands write: results to stdout, problems to stderr."""

import sys

from rich.console import Console
from rich.table import Table


def print_error(message: str) -> None:
    """Say what is wrong in one line."""
    sys.stderr.write(f"captiond: {' '.join(message.split())}\n")


def console() -> Console:
    """Make the console for results; without a terminal it is wide enough for any table."""
    known = Console()
    return known if known.is_terminal else Console(width=200)


def table(title: str, *columns: str, numbers: tuple[str, ...] = ()) -> Table:
    """Make a table whose named columns hold numbers."""
    made = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return made
