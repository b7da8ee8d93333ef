"""What one caption costs with longer texts, and on larger photos; beside Pillow in the same rounds."""

import random
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from time import process_time

from benchmarks.frames import encode, make_frames
from benchmarks.pipeline.results import Spread
from benchmarks.rotation import rotated
from benchmarks.texts import RUSSIAN, invent_words, write_caption
from benchmarks.with_captiond import caption_with_captiond
from benchmarks.with_pillow import Caption, caption_with_pillow
from PIL import Image

from captiond.imaging.jpeg.header import read_header
from captiond.imaging.jpeg.scan import find_scan

_LENGTHS = (10, 50, 200)  # characters
# Whole MCU rows: other photos need their scan read in Python, see docs/explanation/lossless-captions.md.
_SIZES = ((640, 480), (1600, 1200), (4032, 3024))
_SCENES = 4
_TEXTS_IN_A_ROW, _PHOTOS_IN_A_ROW = 32, 8
_OURS, _BY_HAND, _PASSES = "captiond", "Pillow by hand", "three passes over the file"
_US, _MB = 1e6, 1e-6


@dataclass(frozen=True, slots=True)
class _Case:
    """Photos and texts, and the seconds an image of each way to caption them, round by round."""

    cells: tuple[str, ...]
    photos: Sequence[bytes]
    write: Callable[[], str]
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def spread(self, way: str) -> Spread:
        return Spread.of(self.seconds[way])

    def advantage(self) -> str:
        pairs = zip(self.seconds[_BY_HAND], self.seconds[_OURS], strict=True)
        return Spread.of([theirs / ours for theirs, ours in pairs]).text(digits=1)


def measure_texts(rounds: int) -> Iterator[str]:
    """A Markdown table: lengths, of words that were drawn before and of others."""
    random_ = random.Random(1)
    photos = [encode(frame) for frame in make_frames()]
    cases = []
    for length in _LENGTHS:
        cases.append(_Case((f"{length}", "usual"), photos, _usual(length, random_)))
        cases.append(_Case((f"{length}", "never seen"), photos, _never_seen(length, random_)))
    ways = {_OURS: caption_with_captiond(photos), _BY_HAND: caption_with_pillow()}
    _measure(cases, ways, rounds, _TEXTS_IN_A_ROW)
    yield f"| characters | words | {_OURS}, CPU µs | {_BY_HAND}, CPU µs | times as fast |"
    yield "| ---: | --- | ---: | ---: | ---: |"
    for case in cases:
        yield _row(*case.cells, case.spread(_OURS).text(_US), case.spread(_BY_HAND).text(_US), case.advantage())


def measure_sizes(rounds: int) -> Iterator[str]:
    """A Markdown table: sizes, with captions of fifty characters."""
    write = _usual(50, random.Random(1))
    scenes = make_frames(_SCENES)
    cases = []
    for width, height in _SIZES:
        photos = [encode(_tile(scene, width, height)) for scene in scenes]
        cells = (f"{width}x{height}, {width * height * _MB:.1f} Mpx", f"{_mean_bytes(photos) / 1000:,.0f}")
        cases.append(_Case(cells, photos, write))
    ways = {
        _OURS: caption_with_captiond([photo for case in cases for photo in case.photos]),
        _BY_HAND: caption_with_pillow(),
        _PASSES: _pass_three_times,
    }
    _measure(cases, ways, rounds, _PHOTOS_IN_A_ROW)
    yield (
        f"| photo | KB | {_OURS}, CPU µs | {_BY_HAND}, CPU µs | times as fast | {_PASSES}, CPU µs "
        "| MB of the upload a CPU second |"
    )
    yield "| --- |" + " ---: |" * 6
    for case in cases:
        ours, theirs, passes = (case.spread(way) for way in (_OURS, _BY_HAND, _PASSES))
        rate = f"{_MB * _mean_bytes(case.photos) / ours.middle:,.0f}"
        yield _row(*case.cells, ours.text(_US), theirs.text(_US), case.advantage(), passes.text(_US), rate)


def _usual(length: int, random_: random.Random) -> Callable[[], str]:
    return lambda: write_caption(RUSSIAN, length, random_)


def _never_seen(length: int, random_: random.Random) -> Callable[[], str]:
    return lambda: write_caption(invent_words(random_), length, random_)


def _measure(cases: Sequence[_Case], ways: dict[str, Caption], rounds: int, in_a_row: int) -> None:
    """All in turn, the same photos and texts for each way; the first round warms up."""
    for round_ in range(rounds + 1):
        for case in rotated(cases, round_):
            given = list(zip(cycle(case.photos), [case.write() for _ in range(in_a_row)], strict=False))
            for way in rotated(list(ways), round_):
                start = process_time()
                for photo, text in given:
                    ways[way](photo, text)
                if round_:
                    case.seconds.setdefault(way, []).append((process_time() - start) / in_a_row)


def _tile(scene: Image.Image, width: int, height: int) -> Image.Image:
    """A larger photo with as many bytes a pixel, which an enlarged one would not have."""
    photo = Image.new("RGB", (width, height))
    for y in range(0, height, scene.height):
        for x in range(0, width, scene.width):
            photo.paste(scene, (x, y))
    return photo


def _pass_three_times(jpeg: bytes, _text: str) -> bytes:
    """What a splice does with all bytes of the file: look for markers, CRC-32, copy."""
    find_scan(jpeg, read_header(jpeg))
    zlib.crc32(jpeg)
    return b"".join((memoryview(jpeg), b""))


def _mean_bytes(photos: Sequence[bytes]) -> float:
    return sum(map(len, photos)) / len(photos)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
