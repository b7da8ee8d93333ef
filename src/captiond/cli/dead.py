"""`captiond dead …`: manages dead letters."""

import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from captiond.cli.auditing import record
from captiond.cli.commands import make_group
from captiond.cli.console import console, count, load_settings, print_line
from captiond.cli.dead_letter_export import readable, write_dead_letter
from captiond.cli.errors import UsageError, print_error, require_subcommand
from captiond.cli.json_output import print_json, print_json_lines
from captiond.cli.options import AsJson, AsJsonLines
from captiond.operations.dead_letter_files import PayloadElsewhere
from captiond.operations.dead_letters import DeadLetterQueues, Selection
from captiond.settings import Settings
from captiond.times import rfc3339, show_time
from captiond.wiring.deployment import open_queues
from captiond.wiring.queues import make_dead_letters
from captiond.workqueue.admin import DeadLetter

# Headers in the list.
LISTED = ("description", "camera")
ENTRY = re.compile(r"(uploads|captioned|webhooks)/(\d+-\d+)")

DeadLetterId = Annotated[str, typer.Argument(metavar="ID", help="Image id, or QUEUE/ENTRY from `dead list`.")]
DeadLetterIdOrAll = Annotated[
    str | None,
    typer.Argument(metavar="ID", help="Image id, or QUEUE/ENTRY from `dead list`. Omit with --all or --reason."),
]
All = Annotated[bool, typer.Option("--all", help="Select all dead letters.")]
Reason = Annotated[
    str | None, typer.Option(metavar="TEXT", help="Select those with this text in the error, ignoring case.")
]


def build() -> typer.Typer:
    """Return the app with the subcommands."""
    return make_group(dead, {"list": list_dead_letters, "show": show, "retry": retry, "export": export, "drop": drop})


def dead(context: typer.Context) -> None:
    """Manage dead letters: messages that could not be processed."""
    require_subcommand(context)


def list_dead_letters(reason: Reason = None, as_json: AsJsonLines = False) -> None:
    """List dead letters, oldest first."""
    with _open(load_settings()) as dead_letters:
        selected = filter(Selection(reason=reason).includes, dead_letters)
        if as_json:
            print_json_lines(map(_describe, selected))
        else:
            _print_list(selected)


def _print_list(dead_letters: Iterable[DeadLetter]) -> None:
    out, found = console(), False
    for dead_letter in dead_letters:
        found = True
        print_line(out, f"{dead_letter.queue}/{dead_letter.entry}  {dead_letter.id or 'unreadable'}")
        rejected_at = show_time(dead_letter.rejected_at)
        camera = f", camera: {readable(dead_letter.fields['camera'])}" if "camera" in dead_letter.fields else ""
        numbers = f"deliveries: {dead_letter.deliveries}, bytes: {dead_letter.omitted_bytes}"
        print_line(out, f"rejected at {rejected_at}, {numbers}{camera}", indent=4)
        print_line(out, dead_letter.error, indent=4)
    if not found:
        out.print("no dead letters")


def show(dead_letter_id: DeadLetterId, as_json: AsJson = False) -> None:
    """Print the headers, the error and the traceback of a dead letter."""
    with _open(load_settings()) as dead_letters:
        dead_letter = _find(dead_letters, dead_letter_id)
        if as_json:
            fields = {name: readable(value) for name, value in dead_letter.fields.items() if name[:5] != "dead_"}
            print_json(
                {
                    **_describe(dead_letter),
                    "traceback": dead_letter.traceback,
                    "offloaded_bytes": dead_letter.offloaded_bytes,
                    "fields": fields,
                }
            )
            return
        out = console()
        for name, value in sorted(dead_letter.fields.items()):
            if name != "dead_traceback":
                print_line(out, f"{name}: {readable(value)}")
        if dead_letter.offloaded_bytes:
            print_line(out, f"image: on disk, {dead_letter.offloaded_bytes} bytes")
        for line in dead_letter.traceback.rstrip("\n").split("\n"):
            print_line(out, line, hanging=len(line) - len(line.lstrip()) + 2)


def retry(
    dead_letter_id: DeadLetterIdOrAll = None,
    every: All = False,
    reason: Reason = None,
    rate: Annotated[
        float, typer.Option(min=0.1, max=10_000, help="Maximum messages per second, with --all or --reason.")
    ] = 20.0,
    as_json: AsJsonLines = False,
) -> None:
    """Return one dead letter, or several, to its queue.

    Each is moved atomically. After an interruption, the others are still dead letters.
    """
    changed: list[DeadLetter] = []
    _require_selection(dead_letter_id, reason, every=every)
    settings = load_settings()
    with _open(settings) as dead_letters, _recording(settings, "dead-letters.retry", changed):
        for number, dead_letter in enumerate(_choose(dead_letters, dead_letter_id, reason)):
            if number:
                time.sleep(1 / rate)
            _report(dead_letter, changed, "retried" if dead_letters.redrive(dead_letter) else None, as_json=as_json)
    if as_json:
        return
    done = len(changed)
    console().print(f"{count(done, 'dead letter')} returned to {'its queue' if done == 1 else 'their queues'}")


def export(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Directory of the files; created if missing.")],
    dead_letter_id: DeadLetterIdOrAll = None,
    every: All = False,
    reason: Reason = None,
    as_json: AsJsonLines = False,
) -> None:
    """Write one dead letter, or several, to files.

    QUEUE-ENTRY.jpg is the image, QUEUE-ENTRY.json its headers and error. The dead letters remain.
    """
    _require_selection(dead_letter_id, reason, every=every)
    settings = load_settings()
    with _open(settings) as dead_letters:
        chosen = _choose(dead_letters, dead_letter_id, reason)
        with _recording(settings, "dead-letters.export", chosen):
            for dead_letter, files in _export(dead_letters, chosen, folder):
                if as_json:
                    print_json({**_identify(dead_letter), "files": [str(file) for file in files]})
    if as_json:
        return
    console().print(f"{count(len(chosen), 'dead letter')} exported")


def _export(
    dead_letters: DeadLetterQueues, chosen: list[DeadLetter], folder: Path
) -> Iterator[tuple[DeadLetter, list[Path]]]:
    """Write the dead letters, and yield each with its files."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for letter in chosen:
            yield letter, [*write_dead_letter(folder, letter, dead_letters.omitted_fields(letter))]
    except OSError as error:
        raise UsageError(f"cannot write {error.filename}: {error.strerror}") from error


def drop(
    dead_letter_id: DeadLetterIdOrAll = None,
    every: All = False,
    reason: Reason = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: AsJsonLines = False,
) -> None:
    """Delete one dead letter, or several. Their images are lost."""
    changed: list[DeadLetter] = []
    _require_selection(dead_letter_id, reason, every=every)
    if as_json and not yes:
        raise UsageError("--json: cannot ask for confirmation; add --yes")
    settings = load_settings()
    with _open(settings) as dead_letters, _recording(settings, "dead-letters.drop", changed):
        chosen = _choose(dead_letters, dead_letter_id, reason)
        if chosen and not yes:
            typer.confirm(f"Permanently delete {count(len(chosen), 'dead letter')}?", abort=True)
        for dead_letter in chosen:
            _report(dead_letter, changed, "dropped" if dead_letters.delete(dead_letter) else None, as_json=as_json)
    if as_json:
        return
    console().print(f"{count(len(changed), 'dead letter')} deleted")


@contextmanager
def _open(settings: Settings) -> Iterator[DeadLetterQueues]:
    """Open the dead letters. Raises UsageError if a payload is on the disk of another host."""
    with open_queues(settings) as broker:
        try:
            yield make_dead_letters(broker, settings)
        except PayloadElsewhere as error:
            raise UsageError(str(error)) from error


@contextmanager
def _recording(settings: Settings, action: str, changed: list[DeadLetter]) -> Iterator[None]:
    """At the end, also after an error, record the dead letters that were changed in the audit log."""
    try:
        yield
    finally:
        if changed:
            ids = " ".join(letter.id or f"{letter.queue}/{letter.entry}" for letter in changed)
            record(settings, action, detail=f"{len(changed)}: {ids}")


def _require_selection(dead_letter_id: str | None, reason: str | None, *, every: bool) -> None:
    if (dead_letter_id is None) != (every or reason is not None):
        raise UsageError("give either an ID, or --all or --reason TEXT")


def _choose(dead_letters: DeadLetterQueues, dead_letter_id: str | None, reason: str | None) -> list[DeadLetter]:
    if dead_letter_id is not None:
        return [_find(dead_letters, dead_letter_id)]
    return list(filter(Selection(reason=reason).includes, dead_letters))


def _find(dead_letters: DeadLetterQueues, dead_letter_id: str) -> DeadLetter:
    if entry := ENTRY.fullmatch(dead_letter_id):
        dead_letter = dead_letters.find(entry[1], entry[2])
    else:
        dead_letter = dead_letters.find_by_id(dead_letter_id)
    if dead_letter is None:
        print_error(f"no dead letter {dead_letter_id}; list them with `captiond dead list`")
        raise typer.Exit(1)
    return dead_letter


def _report(dead_letter: DeadLetter, changed: list[DeadLetter], result: str | None, *, as_json: bool) -> None:
    """Add a changed dead letter to `changed`. Without a result, something else removed it at the same time."""
    if result:
        changed.append(dead_letter)
    if as_json:
        print_json({**_identify(dead_letter), "result": result or "not found"})


def _identify(dead_letter: DeadLetter) -> dict[str, object]:
    return {"queue": dead_letter.queue, "entry": dead_letter.entry, "id": dead_letter.id or None}


def _describe(dead_letter: DeadLetter) -> dict[str, object]:
    """Return the JSON object of a dead letter, with the names of `GET /api/dead-letters`."""
    texts = {name: readable(dead_letter.fields[name]) if name in dead_letter.fields else None for name in LISTED}
    return {
        **_identify(dead_letter),
        "rejected_at": rfc3339(dead_letter.rejected_at),
        "error": dead_letter.error,
        "deliveries": dead_letter.deliveries,
        "bytes": dead_letter.omitted_bytes,
        **texts,
    }
