"""CPU time per caption by text length and image size, compared with Pillow in the same rounds."""

import random
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from time import process_time

from benchmarks.captioners.captiond import caption_with_captiond
from benchmarks.captioners.pillow import Caption, caption_with_pillow
from benchmarks.inputs.frames import encode, make_frames
from benchmarks.inputs.texts import RUSSIAN, invent_words, write_caption
from benchmarks.pipeline.results import Spread
from benchmarks.rounds import rotate
from PIL import Image

from captiond.imaging.jpeg.header import read_header
from captiond.imaging.jpeg.scan import find_scan

_LENGTHS = (10, 50, 200)  # characters
# Whole MCU rows: other photos need their scan read in Python, see docs/explanation/lossless-captions.md.
_SIZES = ((640, 480), (1600, 1200), (4032, 3024))
_SCENES = 4
_TEXTS_PER_BATCH, _PHOTOS_PER_BATCH = 32, 8
_OURS, _PILLOW, _PASSES = "captiond", "Pillow", "three passes over the file"
_US, _MB = 1e6, 1e-6


@dataclass(frozen=True, slots=True)
class _Case:
    """Photos and texts, and the seconds per image by captioner and round."""

    cells: tuple[str, ...]
    photos: Sequence[bytes]
    write: Callable[[], str]
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def spread(self, captioner: str) -> Spread:
        return Spread.of(self.seconds[captioner])

    def advantage(self) -> str:
        pairs = zip(self.seconds[_PILLOW], self.seconds[_OURS], strict=True)
        return Spread.of([theirs / ours for theirs, ours in pairs]).text(digits=1)


def measure_texts(rounds: int) -> Iterator[str]:
    """Yield a Markdown table by text length, for cached and for new words."""
    random_ = random.Random(1)
    photos = [encode(frame) for frame in make_frames()]
    cases = []
    for length in _LENGTHS:
        cases.append(_Case((f"{length}", "usual"), photos, _usual(length, random_)))
        cases.append(_Case((f"{length}", "new"), photos, _new(length, random_)))
    captioners = {_OURS: caption_with_captiond(photos), _PILLOW: caption_with_pillow()}
    _measure(cases, captioners, rounds, _TEXTS_PER_BATCH)
    yield f"| characters | words | {_OURS}, CPU µs | {_PILLOW}, CPU µs | times as fast |"
    yield "| ---: | --- | ---: | ---: | ---: |"
    for case in cases:
        yield _row(*case.cells, case.spread(_OURS).text(_US), case.spread(_PILLOW).text(_US), case.advantage())


def measure_sizes(rounds: int) -> Iterator[str]:
    """Yield a Markdown table by image size, with captions of fifty characters."""
    write = _usual(50, random.Random(1))
    scenes = make_frames(_SCENES)
    cases = []
    for width, height in _SIZES:
        photos = [encode(_tile(scene, width, height)) for scene in scenes]
        cells = (f"{width}x{height}, {width * height * _MB:.1f} Mpx", f"{_mean_bytes(photos) / 1000:,.0f}")
        cases.append(_Case(cells, photos, write))
    captioners = {
        _OURS: caption_with_captiond([photo for case in cases for photo in case.photos]),
        _PILLOW: caption_with_pillow(),
        _PASSES: _pass_three_times,
    }
    _measure(cases, captioners, rounds, _PHOTOS_PER_BATCH)
    yield (
        f"| photo | KB | {_OURS}, CPU µs | {_PILLOW}, CPU µs | times as fast | {_PASSES}, CPU µs "
        "| MB of upload per CPU second |"
    )
    yield "| --- |" + " ---: |" * 6
    for case in cases:
        ours, theirs, passes = (case.spread(captioner) for captioner in (_OURS, _PILLOW, _PASSES))
        rate = f"{_MB * _mean_bytes(case.photos) / ours.middle:,.0f}"
        yield _row(*case.cells, ours.text(_US), theirs.text(_US), case.advantage(), passes.text(_US), rate)


def _usual(length: int, random_: random.Random) -> Callable[[], str]:
    return lambda: write_caption(RUSSIAN, length, random_)


def _new(length: int, random_: random.Random) -> Callable[[], str]:
    return lambda: write_caption(invent_words(random_), length, random_)


def _measure(cases: Sequence[_Case], captioners: dict[str, Caption], rounds: int, batch: int) -> None:
    """Alternate between the captioners with the same photos and texts. Round 0 is the warm-up."""
    for round_ in range(rounds + 1):
        for case in rotate(cases, round_):
            given = list(zip(cycle(case.photos), [case.write() for _ in range(batch)], strict=False))
            for captioner in rotate(list(captioners), round_):
                start = process_time()
                for photo, text in given:
                    captioners[captioner](photo, text)
                if round_:
                    case.seconds.setdefault(captioner, []).append((process_time() - start) / batch)


def _tile(scene: Image.Image, width: int, height: int) -> Image.Image:
    """Tile a scene. Enlarging it would reduce the bytes per pixel."""
    photo = Image.new("RGB", (width, height))
    for y in range(0, height, scene.height):
        for x in range(0, width, scene.width):
            photo.paste(scene, (x, y))
    return photo


def _pass_three_times(jpeg: bytes, _text: str) -> bytes:
    """The work that splicing does with every byte: find markers, CRC-32, copy."""
    find_scan(jpeg, read_header(jpeg))
    zlib.crc32(jpeg)
    return b"".join((memoryview(jpeg), b""))


def _mean_bytes(photos: Sequence[bytes]) -> float:
    return sum(map(len, photos)) / len(photos)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
