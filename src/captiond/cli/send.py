"""`captiond send`: uploads files."""

import io
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from captiond.cli.api_client import connect
from captiond.cli.console import count, load_settings
from captiond.cli.errors import FAILED_STATUS, UsageError, escape, print_error
from captiond.cli.json_output import print_json
from captiond.cli.options import AsJsonLines, Url
from captiond.client import Retries
from captiond.sending.csv_records import CsvError
from captiond.sending.files import SUFFIXES, NoFiles, find_files, parse_list
from captiond.sending.photo import InvalidFields, Photo, UnusableFile, check_fields, check_file
from captiond.sending.run import Result, RetryDeadline, Run
from captiond.sending.table import DEFAULT_ENCODING, FailureTable, InvalidEncoding, decode_table, parse_table
from captiond.stop_signal import StopSignal, stop_on_signals

INTERRUPTED_STATUS = 130  # as a shell reports SIGINT
STDIN = "-"


def send(  # noqa: PLR0913 - options of a command
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH…",
            help=f"Files, folders (their {', '.join(SUFFIXES)} at any depth), patterns in quotes; - reads a list of "
            "paths from stdin.",
        ),
    ] = None,
    *,
    description: Annotated[str | None, typer.Option(metavar="TEXT", help="Description of all files.")] = None,
    captions: Annotated[
        str | None,
        typer.Option(
            metavar="TABLE",
            help="CSV file with the columns file and description, and optionally captured_at, camera and labels.NAME; "
            "- reads stdin.",
        ),
    ] = None,
    encoding: Annotated[
        str, typer.Option(metavar="NAME", help="Encoding of the table, such as cp1251.")
    ] = DEFAULT_ENCODING,
    parallel: Annotated[int, typer.Option(min=1, max=64, help="Number of parallel uploads.")] = 8,
    timeout: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=0, max=7 * 86400, help="Give up when nothing has succeeded for this long."),
    ] = 300,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until each image is stored or failed.")] = False,
    failed_to: Annotated[
        Path | None,
        typer.Option("--failed-to", metavar="FILE.csv", help="Write the files that failed, for --captions."),
    ] = None,
    as_json: AsJsonLines = False,
    url: Url = None,
) -> None:
    """Upload files.

    All files get one description, or each its own from a table. Nothing is sent before the table is read as a whole.
    stdout has the id of the image and the name of each file. After Ctrl-C, repeat the command to continue: what the
    server has is not sent again. The exit status is 1 if any file failed, 130 after Ctrl-C.
    """
    settings = load_settings()
    photos = _find_photos(files or [], description, captions, encoding)
    with ExitStack() as opened:
        client = opened.enter_context(connect(settings, url, retries=Retries(max_attempts=1)))
        report = Report(as_json, opened.enter_context(_open_failures(failed_to, photos)))
        stop = stop_on_signals()
        deadline = RetryDeadline(timeout, stop, lambda reason: _print_outage(reason, timeout))
        run = Run(client, deadline, parallel, settings.max_upload_bytes, stop)
        _run(run, _check_files(photos, settings.max_upload_bytes, report), report, stop, wait=wait)
    report.print_summary(len(photos), is_interrupted=stop.is_set())
    if stop.is_set():
        raise typer.Exit(INTERRUPTED_STATUS)
    if report.counts["failed"] or report.counts["not sent"]:
        raise typer.Exit(FAILED_STATUS)


def _find_photos(files: list[str], description: str | None, captions: str | None, encoding: str) -> list[Photo]:
    if captions is not None and not files and description is None:
        return _read_table(captions, encoding)
    if captions is not None or not files or description is None:
        raise UsageError("give either PATH… and --description TEXT, or --captions FILE.csv")
    photos = []
    try:
        check_fields(Photo(Path(), description))
        arguments = [path for file in files for path in (parse_list(_read(STDIN)) if file == STDIN else [file])]
        photos = [Photo(file, description) for file in find_files(arguments)]
    except InvalidFields as error:
        raise UsageError(f"--description: {error}") from error
    except NoFiles as error:
        raise UsageError(str(error)) from error
    return photos


def _read_table(captions: str, encoding: str) -> list[Photo]:
    """Read a table. Its file names are relative to its folder."""
    try:
        return parse_table(decode_table(_read(captions), encoding), Path(captions).parent)
    except CsvError as error:
        raise UsageError(f"{captions}: {error}") from error
    except InvalidEncoding as error:
        raise UsageError(f"--encoding: {error}") from error


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {file}: {getattr(error, 'strerror', None) or error}") from error


@contextmanager
def _open_failures(file: Path | None, photos: list[Photo]) -> Iterator[FailureTable]:
    """Open the table of failures. It gets its name when it is complete, so that it can replace the table of the run."""
    if file is None:
        yield FailureTable(io.StringIO(), photos)
        return
    if not file.name or file.is_dir():
        raise UsageError(f"--failed-to: {str(file)!r} is no file name")
    part = file.with_name(f"{file.name}.part")
    try:
        output = part.open("w", encoding="utf-8-sig", errors="backslashreplace", newline="")
    except OSError as error:
        raise UsageError(f"--failed-to: cannot write {part}: {error.strerror}") from error
    try:
        with output:
            yield FailureTable(output, photos)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def _check_files(photos: list[Photo], max_bytes: int, report: "Report") -> list[Photo]:
    """Report all files that cannot be sent, and return the others."""
    usable = []
    for photo in photos:
        try:
            check_file(photo.file, max_bytes)
        except UnusableFile as error:
            report.add(Result(photo, error=str(error)))
        else:
            usable.append(photo)
    return usable


def _run(run: Run, photos: list[Photo], report: "Report", stop: StopSignal, *, wait: bool) -> None:
    with _progress() as progress:
        accepted = []
        for result in _track(progress, "sending", run.upload(photos), len(photos)):
            if wait and result.error is None:
                accepted.append(result)
            else:
                report.add(result)
            if report.is_stdout_closed and not stop.is_set():  # a second request would end the uploads in flight
                stop.request()
        if accepted:
            for result in _track(progress, "waiting", run.await_final(accepted), len(accepted)):
                report.add(result)


def _track(progress: Progress, action: str, results: Iterator[Result], total: int) -> Iterator[Result]:
    task = progress.add_task(action, total=total)
    for result in results:
        progress.advance(task, result.is_tried)
        yield result


def _print_outage(reason: str, timeout_seconds: float) -> None:
    print_error(f"{reason}; retrying for up to {timeout_seconds:g} s")


@dataclass(slots=True)
class Report:
    """Prints the results: ids to stdout, errors to stderr."""

    as_json: bool
    failures: FailureTable
    counts: Counter[str] = field(default_factory=Counter)
    is_stdout_closed: bool = False
    _began: float = field(default_factory=time.monotonic)

    def add(self, result: Result) -> None:
        """Print and count a result."""
        self.counts[_outcome(result)] += 1
        file = str(result.photo.file)
        if result.error is not None:
            self.failures.add(result.photo, result.error)
            if result.is_tried:
                line = "" if result.photo.line is None else f"line {result.photo.line}: "
                print_error(f"{line}{file}: {result.error}")
        if self.is_stdout_closed:
            return
        try:
            if self.as_json:
                values = (file, result.image_id, result.status, result.is_sent, result.error)
                print_json(dict(zip(("file", "id", "status", "sent", "error"), values, strict=True)))
            elif result.error is None:
                sys.stdout.write(f"{result.image_id}  {escape(file)}\n")
                sys.stdout.flush()
        except BrokenPipeError:
            self.is_stdout_closed = True
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)

    def print_summary(self, files: int, *, is_interrupted: bool) -> None:
        """Print the counts to stderr."""
        names = ("sent", "already sent", "failed", "not sent")
        parts = [f"{self.counts[name]} {name}" for name in names if self.counts[name] or name == "sent"]
        seconds = time.monotonic() - self._began
        sys.stderr.write(f"{count(files, 'file')}: {', '.join(parts)} in {seconds:.1f} s\n")
        if is_interrupted:
            print_error("interrupted; run the same command again to continue")


def _outcome(result: Result) -> str:
    if result.error is not None:
        return "failed" if result.is_tried else "not sent"
    return "sent" if result.is_sent else "already sent"


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:.1f}/s")


@contextmanager
def _progress() -> Iterator[Progress]:
    """Show progress with rate and remaining time on stderr if it is a terminal."""
    terminal = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns,
        console=terminal,
        transient=True,
        disable=not terminal.is_terminal,
        redirect_stdout=sys.stdout.isatty(),  # else the ids would go to stderr
    ) as progress:
        yield progress
