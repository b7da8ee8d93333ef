"""The commands. A mistake that a person can mend is one line on stderr and exit status 2."""

import sys

import typer

from captiond.archive import ArchiveUnavailable
from captiond.cli import dead, doctor, queues, restore, send, services, verify
from captiond.cli.console import print_error
from captiond.imaging import FontNotFound
from captiond.services.up import ChildGivesUp, DataDirectoryBusy, ServerDoesNotStart
from captiond.settings import ConfigurationError
from captiond.workqueue.errors import QueueUnavailable

MISTAKES = (
    ArchiveUnavailable,
    ChildGivesUp,
    ConfigurationError,
    DataDirectoryBusy,
    FontNotFound,
    QueueUnavailable,
    ServerDoesNotStart,
)
MISTAKE_STATUS = 2


def build() -> typer.Typer:
    """Put the commands together."""
    app = typer.Typer(
        help="Writes a text into a black strip under a JPEG and archives it.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        add_completion=False,
    )
    for command in (services.up, services.api, services.captioner, services.archiver, services.migrate):
        app.command()(command)
    app.command("send")(send.send)
    app.command("queues")(queues.queues)
    app.add_typer(dead.build(), name="dead")
    app.command("restore")(restore.restore_original)
    app.command("verify")(verify.verify)
    app.command("doctor")(doctor.doctor)
    return app


def main() -> None:
    """Run the command line."""
    try:
        build()()
    except MISTAKES as error:
        print_error(str(error))
        sys.exit(MISTAKE_STATUS)
