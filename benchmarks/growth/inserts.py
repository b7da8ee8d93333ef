"""Measures what the search index adds to storing images, in batches of 64."""

import random
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from benchmarks.inputs.texts import RUSSIAN, write_caption

from captiond.archive import Archive, Record
from captiond.image import CaptionedImage

_BATCH, _BATCHES, _WARM_UP_BATCHES = 64, 150, 10
_BYTES = 20_000


def compare_inserts(kind: str, without: str, indexed: str, folder: Path) -> str:
    """Store batches alternately without and with the index, and return a Markdown table.

    The ratio is that of consecutive batches.
    """
    with ExitStack() as stack:
        archives = [
            stack.enter_context(Archive.open(url, folder / str(at))) for at, url in enumerate((without, indexed))
        ]
        for archive in archives:
            archive.prepare()
        taken: tuple[list[float], list[float]] = ([], [])
        for _ in range(_WARM_UP_BATCHES + _BATCHES):
            for archive, seconds in zip(archives, taken, strict=True):
                batch = list(_records())
                start = time.perf_counter()
                archive.store(batch)
                seconds.append(time.perf_counter() - start)
    before, after = (seconds[_WARM_UP_BATCHES:] for seconds in taken)
    ratio = statistics.median(late / early for early, late in zip(before, after, strict=True))
    cells = [
        f"{statistics.median(before) * 1000:.1f}",
        f"{statistics.median(after) * 1000:.1f}",
        f"{ratio:.2f}",
        f"{max(before) * 1000:.0f}",
        f"{max(after) * 1000:.0f}",
    ]
    titles = "without index, ms | with, ms | ratio | longest without, ms | longest with, ms"
    return f"| {kind}, batches of {_BATCH} | {titles} |\n| --- |{' ---: |' * 5}\n| store | {' | '.join(cells)} |\n"


def _records() -> Iterator[Record]:
    random_ = random.Random()
    for _ in range(_BATCH):
        jpeg = random_.randbytes(_BYTES)
        digest = sha256(jpeg).digest()
        image = CaptionedImage(
            id=uuid4(),
            received_at=datetime.now(UTC),
            description=write_caption(RUSSIAN, 60, random_),
            upload_sha256=digest,
            width=640,
            height=512,
        )
        yield Record(image, jpeg)
