"""What one caption costs, in this process: python -m benchmarks.caption [ROUNDS].

Times are of the processor, all threads together: a machine busy with other things does not stretch them.
"""

import os
import platform
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median
from time import process_time_ns

import PIL
from benchmarks.captioners.captiond import caption_with_captiond
from benchmarks.captioners.pillow import Caption, caption_with_pillow
from benchmarks.captioners.vips_and_magick import caption_with_magick, caption_with_vips
from benchmarks.inputs.frames import encode, make_frames
from benchmarks.inputs.huffman import rewrite_huffman_tables
from benchmarks.inputs.texts import RUSSIAN, invent_words, write_caption
from PIL import features

_LENGTHS = (50, 200)  # characters
_INVENTED = "words never seen"  # the worst case: nothing that was drawn before helps, but for its letters
_USUAL = "usual words"  # of a vocabulary of a hundred, and numbers
_Text = tuple[int, str]
_TEXTS: tuple[_Text, ...] = tuple((length, words) for length in _LENGTHS for words in (_INVENTED, _USUAL))
_ROUNDS = 15
_IN_A_ROW = 8  # captions; a captioner captions one photo after another, with its code in the processor's caches
_QUALITIES = (80, 85, 90)
_NS_PER_US = 1000


@dataclass(slots=True)
class _Contender:
    """A way to caption, the files it is given, and what each took."""

    name: str
    caption: Caption
    files: list[bytes]
    is_yardstick: bool = False
    nanoseconds: dict[_Text, list[int]] = field(default_factory=lambda: {kind: [] for kind in _TEXTS})

    def summarise_us(self, kind: _Text) -> tuple[float, float, float]:
        """The median, the fastest and the slowest."""
        taken = self.nanoseconds[kind]
        return median(taken) / _NS_PER_US, min(taken) / _NS_PER_US, max(taken) / _NS_PER_US

    def run(self, file: int, text: str, kind: _Text) -> None:
        start = process_time_ns()
        self.caption(self.files[file % len(self.files)], text)
        self.nanoseconds[kind].append(process_time_ns() - start)


def main() -> None:
    """Measure, and print a Markdown table: medians (fastest–slowest), and ratios of medians to Pillow by hand."""
    rounds = int(sys.argv[1]) if sys.argv[1:] else _ROUNDS
    frames = make_frames()
    standard = [encode(frame, quality=_QUALITIES[at % len(_QUALITIES)]) for at, frame in enumerate(frames)]
    contenders = list(_contenders(standard, [encode(frame, progressive=True) for frame in frames]))
    _run(contenders, rounds)
    _print_report(contenders, standard, rounds)


def _contenders(standard: list[bytes], progressive: list[bytes]) -> Iterator[_Contender]:
    yield _Contender("captiond, splice, standard Huffman tables", caption_with_captiond(standard), standard)
    own = [rewrite_huffman_tables(jpeg, model=standard[0]) for jpeg in standard]
    yield _Contender("captiond, splice, the camera's own Huffman tables", caption_with_captiond(own), own)
    yield _Contender(
        "captiond, redraw of a progressive file", caption_with_captiond(progressive, redraws=True), progressive
    )
    yield _Contender("Pillow by hand", caption_with_pillow(), standard, is_yardstick=True)
    yield _Contender("libvips by hand", caption_with_vips(), standard)
    magick = caption_with_magick()
    if magick is None:
        print("ImageMagick is left out: its library is not installed (Debian: libmagickwand-6.q16-6).\n")
    else:
        yield _Contender("ImageMagick by hand", magick, standard)


def _run(contenders: list[_Contender], rounds: int) -> None:
    """All in turn, with the same frames and texts, in the same minutes."""
    random_ = random.Random(1)
    for round_ in range(rounds + 1):
        for kind in _TEXTS:
            texts = [_write_text(kind, random_) for _ in range(_IN_A_ROW)]
            for contender in random_.sample(contenders, len(contenders)):
                for at, text in enumerate(texts):
                    contender.run(at, text, kind)
                if not round_:  # a warm-up
                    contender.nanoseconds[kind].clear()


def _write_text(kind: _Text, random_: random.Random) -> str:
    length, words = kind
    return write_caption(RUSSIAN if words == _USUAL else invent_words(random_), length, random_)


def _print_report(contenders: list[_Contender], standard: list[bytes], rounds: int) -> None:
    sizes = sorted(len(jpeg) // 1024 for jpeg in standard)
    print(
        f"{len(standard)} frames of 640x480, 4:2:0, {sizes[0]} to {sizes[-1]} KiB; "
        f"{rounds * _IN_A_ROW} captions a cell; Python {platform.python_version()}, Pillow {PIL.__version__}, "
        f"libjpeg-turbo {features.version('libjpeg_turbo')}; {os.cpu_count()} cores.\n"
    )
    yardstick = next(contender for contender in contenders if contender.is_yardstick)
    heads = (f"{length} characters, {words}: µs | times as fast" for length, words in _TEXTS)
    print("| way |", " | ".join(heads), "|")
    print("| --- |", " | ".join(["---:"] * 2 * len(_TEXTS)), "|")
    for contender in contenders:
        print("|", contender.name, "|", " | ".join(_cells(contender, yardstick)), "|")


def _cells(contender: _Contender, yardstick: _Contender) -> Iterator[str]:
    for kind in _TEXTS:
        middle, fastest, slowest = contender.summarise_us(kind)
        yield f"{middle:,.0f} ({fastest:,.0f}–{slowest:,.0f})"
        yield f"{yardstick.summarise_us(kind)[0] / middle:.1f}x"


if __name__ == "__main__":
    main()
