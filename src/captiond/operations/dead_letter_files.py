"""Payloads of dead letters on disk, for those that exceed the budget of dead letters in Redis.

A payload is written and synced before Redis deletes its own copy, so it is in one place at least at any time. The file
is named by the entry of the dead letter, which is never used again: a command that deletes the file of a redriven
message cannot delete that of its next dead letter.
"""

import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from captiond.workqueue.admin import DeadLetter, DeadLetters

FOLDER = "dead-letters"
"""The directory below the images directory that is used unless another one is set. `verify` does not look into it."""
_TEMP_SUFFIX = ".tmp"


class PayloadElsewhere(Exception):
    """The file of an offloaded payload is not in the directory, or incomplete."""

    def __init__(self, letter: DeadLetter, folder: Path) -> None:
        super().__init__(
            f"the image of dead letter {letter.queue}/{letter.entry} is not in {folder}; run the command on the "
            "archiver's host, or set CAPTIOND_DEAD_LETTER_DIR to its directory"
        )


class DeadLetterFiles:
    """One file per offloaded payload, in one directory. Raises OSError for a disk that cannot be used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, letter: DeadLetter, payload: bytes) -> None:
        """Write a payload. Durable on return."""
        if not self.folder.is_dir():
            self.folder.mkdir(parents=True, exist_ok=True)
            _sync(self.folder.parent)
        file = self._file(letter)
        temp = file.with_name(f".{file.name}.{secrets.token_hex(4)}{_TEMP_SUFFIX}")
        try:
            with temp.open("xb") as opened:
                opened.write(payload)
                opened.flush()
                os.fsync(opened.fileno())
            temp.replace(file)
        finally:
            temp.unlink(missing_ok=True)
        _sync(self.folder)

    def read(self, letter: DeadLetter) -> bytes | None:
        """Return the payload of a dead letter, None if it is not offloaded. Raises PayloadElsewhere."""
        if not letter.offloaded_bytes:
            return None
        if self._size_bytes(letter) != letter.offloaded_bytes:
            raise PayloadElsewhere(letter, self.folder)
        return self._file(letter).read_bytes()

    def delete(self, letter: DeadLetter) -> None:
        """Delete the file of a dead letter that no longer exists."""
        with suppress(FileNotFoundError, NotADirectoryError):
            self._file(letter).unlink()

    def find_problems(self, letters: Iterable[DeadLetter]) -> Iterator[str]:
        """Describe each offloaded payload without its file, and each file without its dead letter."""
        # Before the letters, so that the letter of each file is among them unless it was redriven or deleted.
        files = set(self.folder.iterdir()) if self.folder.is_dir() else set()
        for letter in letters:
            files.discard(self._file(letter))
            if letter.offloaded_bytes and self._size_bytes(letter) != letter.offloaded_bytes:
                yield f"lost payload: {PayloadElsewhere(letter, self.folder)}"
        for file in sorted(files):
            if file.exists():
                yield f"payload without dead letter: {file}; delete the file if its image is not needed"

    def _size_bytes(self, letter: DeadLetter) -> int | None:
        try:
            return self._file(letter).stat().st_size
        except FileNotFoundError:
            return None

    def _file(self, letter: DeadLetter) -> Path:
        return self.folder / f"{letter.queue}-{letter.entry}.payload"


def offload(queues: Iterable[DeadLetters], files: DeadLetterFiles, excess_bytes: Callable[[], int]) -> int:
    """Move the payloads of the oldest dead letters to files until there is no excess. Returns their number.

    Raises OSError, QueueUnavailable.
    """
    moved = 0
    for queue in queues:
        for letter in queue:
            if excess_bytes() <= 0:
                return moved
            payload = queue.payload(letter) if letter.id else None
            if payload:
                files.write(letter, payload)
                is_moved = queue.drop_payload(letter)
                moved += is_moved
                if not is_moved and queue.find(letter.entry) is None:  # redriven or deleted meanwhile
                    files.delete(letter)
    return moved


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
