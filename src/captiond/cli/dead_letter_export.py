"""The files that `captiond dead export` writes."""

import json
from collections.abc import Iterator
from pathlib import Path

from captiond.cli.errors import escape
from captiond.patch import Patch
from captiond.times import rfc3339
from captiond.workqueue.admin import DeadLetter


def write_dead_letter(folder: Path, dead_letter: DeadLetter, omitted: dict[str, bytes]) -> Iterator[Path]:
    """Write the files of a dead letter, and yield each. Raises OSError."""
    target = folder / f"{dead_letter.queue}-{dead_letter.entry}"
    for suffix, image in _images({**dead_letter.fields, **omitted}).items():
        file = target.with_suffix(suffix)
        file.write_bytes(image)
        yield file
    description = {
        "queue": dead_letter.queue,
        "entry": dead_letter.entry,
        "rejected_at": rfc3339(dead_letter.rejected_at),
        **{name: readable(value) for name, value in dead_letter.fields.items()},
    }
    # Escaped, because people print the file in a terminal. In JSON, escaped characters are the same.
    lines = json.dumps(description, ensure_ascii=False, indent=2).split("\n")
    file = target.with_suffix(".json")
    file.write_text("".join(f"{escape(line)}\n" for line in lines), "utf-8")
    yield file


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


def readable(value: bytes) -> str:
    """Return a header as text, or in hex if it is not UTF-8."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()
