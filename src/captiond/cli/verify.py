"""`captiond verify`: the SQL rows held against the files."""

import typer

from captiond.cli.console import console
from captiond.settings import load_settings
from captiond.wiring import open_archive


def verify() -> None:
    """Hold the rows against the files. Names what is missing, orphaned or altered; exit status 1 when any is."""
    out, found = console(), 0
    with open_archive(load_settings()) as archive:
        for finding in archive.verify():
            found += 1
            out.print(str(finding), markup=False, highlight=False)
    out.print("every row has its whole file, every file its row" if not found else f"{found} found")
    if found:
        raise typer.Exit(1)
