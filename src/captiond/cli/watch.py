"""`captiond watch`: uploads the photos that appear in a directory."""

import logging
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from captiond.cli.api_client import connect
from captiond.cli.console import console, count
from captiond.cli.errors import UsageError
from captiond.cli.json_output import print_json
from captiond.cli.options import AsJson, Url
from captiond.client import Retries
from captiond.operations.caption_template import DEFAULT_TEMPLATE
from captiond.operations.path_fields import InvalidPattern, compile_pattern
from captiond.settings import Settings, load_settings
from captiond.stop_signal import stop_on_signals
from captiond.watch import (
    FieldReader,
    Filing,
    FolderInUse,
    InvalidDescription,
    PhotoTree,
    PhotoWorker,
    Sidecars,
    Timing,
    UnusableFolder,
    WatchedFolder,
    Watcher,
)
from captiond.wiring.process import start_logging

# The watcher repeats an upload itself, so that it stops quickly.
ONE_ATTEMPT = Retries(max_attempts=1)
logger = logging.getLogger(__name__)


def watch(  # noqa: PLR0913 - Typer makes each parameter an option
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Directory to watch, with its subdirectories.")],
    *,
    description: Annotated[
        str,
        typer.Option(help="Template of the description. {description} is the text of the sidecar or the file name."),
    ] = DEFAULT_TEMPLATE,
    pattern: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX",
            help="Regular expression for the path below DIR. Groups: camera, captured_at; others are labels.",
        ),
    ] = None,
    sidecar: Annotated[
        Sidecars, typer.Option(help="Whether a .txt or .json file accompanies a photo.")
    ] = Sidecars.OPTIONAL,
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete uploaded photos instead of moving them to DIR/done.")
    ] = False,
    poll: Annotated[
        bool, typer.Option("--poll", help="Find files only by scans, for network drives without file system events.")
    ] = False,
    scan: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, max=86400, help="Time between scans of the directory.")
    ] = 10,
    settle: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=0.1, max=3600, help="How long a file must be unchanged to be read."),
    ] = 2,
    wait: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", min=0.1, max=86400, help="Time until an incomplete file, or one without sidecar, fails."
        ),
    ] = 60,
    parallel: Annotated[int, typer.Option(min=1, max=64, help="Number of parallel uploads.")] = 8,
    url: Url = None,
    api_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="API key.", show_default="CAPTIOND_API_KEY")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Log only warnings and errors to stderr.")] = False,
    as_json: AsJson = False,
) -> None:
    """Upload each photo that appears in a directory.

    Uploaded photos move to DIR/done, photos that cannot be uploaded to DIR/failed, with the reason in a file beside
    them. Runs until SIGTERM or SIGINT, then prints a summary. The exit status is 2 if DIR cannot be watched.
    """
    settings = load_settings()
    fields = _make_field_reader(settings, description, pattern, sidecar)
    with ExitStack() as opened:
        client = opened.enter_context(connect(settings, url, api_key, ONE_ATTEMPT))
        try:
            folder = opened.enter_context(WatchedFolder(directory))
        except (FolderInUse, UnusableFolder) as error:
            raise UsageError(str(error)) from error
        start_logging("watch", settings, quiet=quiet)
        stop = stop_on_signals()
        tree = PhotoTree(folder.root, use_sidecars=sidecar is not Sidecars.OFF)
        worker = PhotoWorker(folder.root, client, fields, Filing(tree, delete=delete), settings.max_upload_bytes)
        timing = Timing(settle, wait, scan, use_events=not poll)
        logger.info("started directory=%r url=%s", str(folder.root), client.shown_url)
        summary = Watcher(folder, tree, worker.process, timing, parallel).run(stop)
        logger.info("stopped sent=%d failed=%d waiting=%d", *summary)
    if as_json:
        print_json(summary._asdict())
        return
    console().print(f"{count(summary.sent, 'photo')} uploaded, {summary.failed} failed, {summary.waiting} waiting")


def _make_field_reader(settings: Settings, description: str, pattern: str | None, sidecars: Sidecars) -> FieldReader:
    try:
        compiled = compile_pattern(pattern) if pattern else None
        return FieldReader(description, compiled, sidecars, ZoneInfo(settings.timezone))
    except InvalidPattern as error:
        raise UsageError(f"--pattern: {error}") from error
    except InvalidDescription as error:
        raise UsageError(f"--description: {error}") from error
