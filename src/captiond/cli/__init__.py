"""The command line. Usage and configuration errors print one line to stderr; the exit status is 2."""

import sys
from importlib.metadata import version
from typing import Annotated

import typer
from typer.exceptions import TyperException

from captiond.archive import ArchiveUnavailable, UnusableDatabase
from captiond.cli import audit, config, dead, doctor, keys, queues, restore, send, services, simulate, verify, watch
from captiond.cli.console import ERROR_STATUS, UsageError, escape_unencodable, print_error, require_subcommand
from captiond.services.up import ConfigurationRejected, DataDirectoryInUse, ServerNotResponding
from captiond.settings import ConfigurationError
from captiond.workqueue.errors import QueueTimeout, QueueUnavailable

REPORTED_ERRORS = (
    ArchiveUnavailable,
    ConfigurationError,
    ConfigurationRejected,
    DataDirectoryInUse,
    QueueUnavailable,
    ServerNotResponding,
    UnusableDatabase,
    UsageError,
)


def main() -> None:
    """Run the command line and exit."""
    escape_unencodable()
    try:
        status = build()(standalone_mode=False, prog_name="captiond")
    except TyperException as error:
        print_error(f"{error.format_message()} (see --help)")
        sys.exit(error.exit_code)
    except typer.Abort:
        print_error("aborted")
        sys.exit(1)
    except QueueTimeout as error:
        print_error(str(error))
        sys.exit(1)
    except REPORTED_ERRORS as error:
        print_error(str(error))
        sys.exit(ERROR_STATUS)
    sys.exit(status)


def build() -> typer.Typer:
    """Return the app with all commands."""
    app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None, add_completion=False)
    app.callback(invoke_without_command=True)(captiond)
    for command in (services.up, services.api, services.ftp, services.captioner, services.archiver, services.migrate):
        app.command()(command)
    app.command("send")(send.send)
    app.command("simulate")(simulate.simulate)
    app.command("watch")(watch.watch)
    app.command("queues")(queues.queues)
    app.add_typer(dead.build(), name="dead")
    app.add_typer(keys.build(), name="keys")
    app.command("audit")(audit.audit)
    app.command("restore")(restore.restore_original)
    app.command("verify")(verify.verify)
    app.command("doctor")(doctor.doctor)
    app.command("config")(config.config)
    return app


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
