"""`captiond dead …`: manages dead letters."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from captiond.cli.console import console, print_error, table
from captiond.messages import Status
from captiond.patch import Patch
from captiond.pipeline import CAPTIONED, UPLOADS
from captiond.settings import ConfigurationError, load_settings
from captiond.wiring import open_broker
from captiond.workqueue import Broker
from captiond.workqueue.admin import DeadLetter, DeadLetters

STATE_AFTER_RETRY = {UPLOADS: Status.QUEUED, CAPTIONED: Status.CAPTIONED}
ENTRY = re.compile(r"(uploads|captioned)/(\d+-\d+)")

Letter = Annotated[str, typer.Argument(metavar="ID", help="Image id, or QUEUE/ENTRY from `dead list`.")]
LetterOrAll = Annotated[
    str | None, typer.Argument(metavar="ID", help="Image id, or QUEUE/ENTRY from `dead list`. Omit with --all.")
]
All = Annotated[bool, typer.Option("--all", help="Select all dead letters.")]


def build() -> typer.Typer:
    """Return the app with the subcommands."""
    app = typer.Typer(help="Manage dead letters: messages that could not be processed.")
    app.command("list")(list_letters)
    app.command("show")(show)
    app.command("retry")(retry)
    app.command("export")(export)
    app.command("drop")(drop)
    return app


def list_letters() -> None:
    """List dead letters, oldest first."""
    shown = table(
        "", "dead letter", "image", "rejected at", "deliveries", "bytes", "error", numbers=("deliveries", "bytes")
    )
    with open_broker(load_settings()) as broker:
        for letter in _each(broker):
            shown.add_row(
                f"{letter.queue}/{letter.entry}",
                letter.id or "unreadable",
                f"{letter.rejected_at:%Y-%m-%d %H:%M:%S}Z",
                str(letter.deliveries),
                str(letter.omitted_bytes),
                letter.error,
            )
    console().print(shown if shown.row_count else "no dead letters")


def show(letter_id: Letter) -> None:
    """Print the headers and the traceback of a dead letter."""
    with open_broker(load_settings()) as broker:
        letter = _find(broker, letter_id)
        out = console()
        for name, value in sorted(letter.fields.items()):
            if name != "dead_traceback":
                out.print(f"{name}: {_readable(value)}", markup=False, highlight=False)
        out.print(letter.traceback, markup=False, highlight=False)


def retry(
    letter_id: LetterOrAll = None,
    every: All = False,
    rate: Annotated[float, typer.Option(min=0.1, max=10_000, help="Maximum number of messages per second.")] = 20.0,
) -> None:
    """Return one dead letter, or all, to its queue.

    Each moves atomically. After an interruption, the others are still dead letters.
    """
    done = 0
    with open_broker(load_settings()) as broker:
        for number, letter in enumerate(_choose(broker, letter_id, every=every)):
            if number:
                time.sleep(1 / rate)
            done += _of(broker, letter).redrive(letter, STATE_AFTER_RETRY[letter.queue])
    console().print(f"{done} returned to the queue")


def export(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Directory of the files; created if missing.")],
    letter_id: LetterOrAll = None,
    every: All = False,
) -> None:
    """Write one dead letter, or all, to files.

    QUEUE-ENTRY.jpg is the image, QUEUE-ENTRY.json its headers and error. The dead letters remain.
    """
    with open_broker(load_settings()) as broker:
        chosen = _choose(broker, letter_id, every=every)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for letter in chosen:
                _write(folder / f"{letter.queue}-{letter.entry}", letter, _of(broker, letter).omitted_fields(letter))
        except OSError as error:
            raise ConfigurationError(f"cannot write {error.filename}: {error.strerror}") from error
    console().print(f"{len(chosen)} exported")


def _write(target: Path, letter: DeadLetter, omitted: dict[str, bytes]) -> None:
    description = {
        "queue": letter.queue,
        "entry": letter.entry,
        "rejected_at": letter.rejected_at.isoformat(),
        **{name: _readable(value) for name, value in letter.fields.items()},
    }
    for suffix, image in _images({**letter.fields, **omitted}).items():
        target.with_suffix(suffix).write_bytes(image)
    target.with_suffix(".json").write_text(json.dumps(description, ensure_ascii=False, indent=2) + "\n", "utf-8")


def _images(fields: dict[str, bytes]) -> dict[str, bytes]:
    """Return the image, and the upload if that is another file, by file suffix."""
    upload, patch = fields.get("body"), fields.get("patch")
    if upload is None:
        return {}
    if patch is None:
        return {".jpg": upload}
    try:
        return {".jpg": Patch.from_bytes(patch).apply(upload), ".original.jpg": upload}
    except ValueError:  # a malformed patch may be the reason for the rejection
        return {".original.jpg": upload}


def drop(
    letter_id: LetterOrAll = None,
    every: All = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Delete one dead letter, or all. Their images are lost."""
    with open_broker(load_settings()) as broker:
        chosen = _choose(broker, letter_id, every=every)
        if chosen and not yes:
            typer.confirm(f"Permanently delete {len(chosen)} dead letter{'s' * (len(chosen) != 1)}?", abort=True)
        done = [_of(broker, letter).delete(letter) for letter in chosen]
    console().print(f"{sum(done)} deleted")


def _choose(broker: Broker, letter_id: str | None, *, every: bool) -> list[DeadLetter]:
    if every == (letter_id is not None):
        raise ConfigurationError("give either an ID or --all")
    return list(_each(broker)) if letter_id is None else [_find(broker, letter_id)]


def _each(broker: Broker) -> Iterator[DeadLetter]:
    for queue in STATE_AFTER_RETRY:
        yield from broker.dead_letters(queue)


def _of(broker: Broker, letter: DeadLetter) -> DeadLetters:
    return broker.dead_letters(letter.queue)


def _find(broker: Broker, letter_id: str) -> DeadLetter:
    if entry := ENTRY.fullmatch(letter_id):
        letter = broker.dead_letters(entry[1]).find(entry[2])
    else:
        found = (broker.dead_letters(queue).find_by_id(letter_id) for queue in STATE_AFTER_RETRY)
        letter = next(filter(None, found), None)
    if letter is None:
        print_error(f"no dead letter {letter_id}")
        raise typer.Exit(1)
    return letter


def _readable(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()
