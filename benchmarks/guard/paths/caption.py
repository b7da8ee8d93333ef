"""Captioning without queues."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle

from benchmarks.guard.hot_paths import Place

from captiond.imaging import Captioner, Style


@contextmanager
def open_captions(place: Place) -> Iterator[Callable[[int], None]]:
    """Caption the photos of the folder in turn, each time with the next text."""
    captioner = Captioner(Style())
    photos = cycle([file.read_bytes() for file in sorted(place.folder.glob("*.jpg"))])
    texts = iter(json.loads((place.folder / "texts.json").read_text()))

    def caption(count: int) -> None:
        for _ in range(count):
            if reason := captioner.add_caption(next(photos), next(texts)).reencode_reason:
                raise SystemExit(f"expected splicing: {reason}")

    yield caption
