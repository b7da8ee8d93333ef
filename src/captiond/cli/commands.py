"""The commands, by name. The module of a command is imported when the command runs: importing all takes a second."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import cast

import typer
from typer._click import Command, Context, HelpFormatter
from typer._click.shell_completion import CompletionItem
from typer.core import TyperGroup
from typer.main import get_command

from captiond.cli.help import Command as CaptiondCommand


@dataclass(frozen=True, slots=True)
class Entry:
    """A command. `target` is its function `module:function`, or `module:build`, which returns an app of subcommands."""

    summary: str
    target: str


COMMANDS = {
    "up": Entry("Run the whole pipeline on this machine.", "up:up"),
    "api": Entry("Run the HTTP API.", "api:api"),
    "ftp": Entry("Run the FTP service, which receives images from cameras.", "ftp:ftp"),
    "captioner": Entry("Run a captioner, which adds captions to queued images.", "captioner:captioner"),
    "archiver": Entry("Run the archiver, which stores captioned images.", "archiver:archiver"),
    "notifier": Entry("Run the notifier, which sends events of images to webhooks.", "notifier:notifier"),
    "migrate": Entry("Create or upgrade the database schema.", "migrate:migrate"),
    "send": Entry("Upload files.", "send:send"),
    "list": Entry("List archived images, newest first.", "list:list_images"),
    "get": Entry("Download an image.", "get:get"),
    "wait": Entry("Wait until images are stored.", "get:wait"),
    "events": Entry("Follow the status changes of all images.", "events:events"),
    "caption": Entry("Write a text below a JPEG file, without a server.", "caption:caption"),
    "export": Entry("Download images with an index and checksums.", "export:export"),
    "simulate": Entry("Send images of simulated traffic cameras.", "simulate:simulate"),
    "watch": Entry("Upload each photo that appears in a directory.", "watch:watch"),
    "queues": Entry("Show the state of the queues.", "queues:queues"),
    "dead": Entry("Manage dead letters: messages that could not be processed.", "dead:build"),
    "keys": Entry("Manage API keys; CAPTIOND_AUTH=keys requires them.", "keys:build"),
    "webhooks": Entry("Manage webhooks, which get a request per event of an image.", "webhooks:build"),
    "hold": Entry("Protect images from every deletion, or list the protected ones.", "lifecycle:hold"),
    "unhold": Entry("Release images from their legal hold.", "lifecycle:unhold"),
    "delete": Entry("Delete images for good. Their times and checksums remain.", "lifecycle:delete"),
    "prune": Entry("Delete old images for good, except those with a legal hold.", "lifecycle:prune"),
    "signing-key": Entry("Manage the key that signs receipts and seals.", "signing_key:build"),
    "seal": Entry("Seal all images that no seal contains.", "seal:seal"),
    "audit": Entry("List the audit log, newest first: who uploaded, read and changed what.", "audit:audit"),
    "restore": Entry("Write the exact upload of a captioned image to a file.", "restore:restore_original"),
    "verify": Entry("Check rows, files and seals, and find every accepted image.", "verify:verify"),
    "doctor": Entry("Check settings, font, Redis, database, archive and directories.", "doctor:doctor"),
    "config": Entry("Show every setting with its value and its source.", "config:config"),
}


class CommandGroup(TyperGroup):
    """The commands of `COMMANDS`. Lists them without importing their modules."""

    def __init__(self, **attributes: object) -> None:
        super().__init__(**attributes)  # type: ignore[arg-type] # those of Typer
        # For the suggestions after a misspelled name.
        self.commands = dict.fromkeys(COMMANDS, cast("Command", None))

    def list_commands(self, ctx: Context) -> list[str]:
        """Return the names in the order of the help."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """Import a command, or return None if there is none with this name."""
        del ctx
        return load_command(cmd_name) if cmd_name in COMMANDS else None

    def shell_complete(self, ctx: Context, incomplete: str) -> list[CompletionItem]:
        """Complete names of commands without importing their modules."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return [
            CompletionItem(name, help=entry.summary) for name, entry in COMMANDS.items() if name.startswith(incomplete)
        ]

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write the names and summaries."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])


def load_command(name: str) -> Command:
    """Import a command."""
    module, _, attribute = COMMANDS[name].target.partition(":")
    target = getattr(import_module(f"captiond.cli.{module}"), attribute)
    app = make_app()
    app.callback()(_no_options)  # makes it a group, also with a single command
    if attribute == "build":
        app.add_typer(target(), name=name)
    else:
        app.command(name, cls=CaptiondCommand)(target)
    return cast("TyperGroup", get_command(app)).commands[name]


def import_all() -> None:
    """Import all commands, in a process that forks to run several."""
    for name in COMMANDS:
        load_command(name)


def make_app(group: type[TyperGroup] = TyperGroup, *, completion: bool = False) -> typer.Typer:
    """Return an app without commands. `completion` adds the options that install the completion of shells."""
    return typer.Typer(
        cls=group,
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        add_completion=completion,
    )


def make_group(callback: Callable[..., None], subcommands: Mapping[str, Callable[..., None]]) -> typer.Typer:
    """Return an app of subcommands. `callback` has the help of the group."""
    app = typer.Typer()
    app.callback(invoke_without_command=True)(callback)
    for name, function in subcommands.items():
        app.command(name, cls=CaptiondCommand)(function)
    return app


def _no_options() -> None:
    pass
