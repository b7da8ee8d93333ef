"""The command line. Usage and configuration errors print one line to stderr; the exit status is 2."""

import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated

import typer
from typer.exceptions import TyperException

from captiond.cli.commands import CommandGroup, make_app
from captiond.cli.completion import correct_scripts
from captiond.cli.errors import FAILED_STATUS, escape_unencodable, print_error, require_subcommand


def main() -> None:
    """Run the command line and exit."""
    escape_unencodable()
    try:
        status = build()(standalone_mode=False, prog_name="captiond")
    except TyperException as error:
        print_error(f"{_describe_usage_error(error)} (see --help)")
        sys.exit(error.exit_code)
    except typer.Abort:
        print_error("aborted")
        sys.exit(FAILED_STATUS)
    except Exception as error:
        reported = import_module("captiond.cli.reported_errors")
        status = reported.exit_status_for(error)
        if status is None:
            raise
        print_error(reported.describe(error))
    sys.exit(status)


def build() -> typer.Typer:
    """Return the app with all commands."""
    correct_scripts()
    app = make_app(CommandGroup, completion=True)
    app.callback(invoke_without_command=True)(captiond)
    return app


def _describe_usage_error(error: TyperException) -> str:
    """Return the message without the prefix that pydantic adds to the one of Typer."""
    return error.format_message().replace(": Value error, ", ": ").removesuffix(".")


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"captiond {version('captiond')}")
        raise typer.Exit


def captiond(
    context: typer.Context,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Write a text into a black strip below a JPEG, and archive the result."""
    del show_version
    require_subcommand(context)
