"""Measures the CPU time per caption in this process, all threads together: python -m benchmarks.caption [--help]."""

import argparse
import os
import platform
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median
from time import process_time_ns

import PIL
from benchmarks.captioners.captiond import caption_with_captiond
from benchmarks.captioners.pillow import Caption, caption_with_pillow
from benchmarks.captioners.vips_and_magick import caption_with_magick, caption_with_vips
from benchmarks.inputs.frames import HEIGHT_PX, WIDTH_PX, encode, make_frames
from benchmarks.inputs.huffman import rewrite_huffman_tables
from benchmarks.inputs.texts import RUSSIAN, invent_words, write_caption
from PIL import Image, features

_LENGTHS = (50, 200)  # characters
_INVENTED = "new words"  # the worst case: no word is in the cache of drawn words
_USUAL = "usual words"  # a vocabulary of a hundred words, and numbers
_Text = tuple[int, str]
_TEXTS: tuple[_Text, ...] = tuple((length, words) for length in _LENGTHS for words in (_INVENTED, _USUAL))
_ROUNDS = 15
_BATCH = 8  # consecutive captions of one contender, as in a captioner, whose code stays in the CPU caches
_QUALITIES = (80, 85, 90)
_NS_PER_US = 1000
_SIZES = {"640x480": (640, 480), "1920x1080": (1920, 1080)}


@dataclass(slots=True)
class _Contender:
    """A captioner, its input files, and the time of each caption."""

    name: str
    caption: Caption
    files: list[bytes]
    is_baseline: bool = False
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
    """Print a Markdown table: medians (fastest–slowest), and the ratio of the median to that of Pillow."""
    options = _parse_arguments()
    frames = _tile(make_frames(), _SIZES[options.size])
    standard = [encode(frame, quality=_QUALITIES[at % len(_QUALITIES)]) for at, frame in enumerate(frames)]
    contenders = list(_contenders(standard, [encode(frame, progressive=True) for frame in frames]))
    _run(contenders, options.rounds)
    _print_report(contenders, standard, options)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.caption", description="Measures the time per caption.")
    parser.add_argument("rounds", nargs="?", type=int, default=_ROUNDS)
    parser.add_argument("--size", choices=_SIZES, default="640x480", help="of the frames")
    return parser.parse_args()


def _tile(frames: list[Image.Image], size_px: tuple[int, int]) -> list[Image.Image]:
    """Frames of another size from several frames side by side, which have as many bits per pixel as one."""
    places = [(x, y) for y in range(0, size_px[1], HEIGHT_PX) for x in range(0, size_px[0], WIDTH_PX)]
    tiled = [Image.new("RGB", size_px) for _ in frames]
    for first, picture in enumerate(tiled):
        for at, place in enumerate(places, first):
            picture.paste(frames[at % len(frames)], place)
    return tiled


def _contenders(standard: list[bytes], progressive: list[bytes]) -> Iterator[_Contender]:
    yield _Contender("captiond, splice, standard Huffman tables", caption_with_captiond(standard), standard)
    own = [rewrite_huffman_tables(jpeg, model=standard[0]) for jpeg in standard]
    yield _Contender("captiond, splice, the camera's own Huffman tables", caption_with_captiond(own), own)
    yield _Contender("captiond, splice, progressive", caption_with_captiond(progressive), progressive)
    yield _Contender("Pillow", caption_with_pillow(), standard, is_baseline=True)
    yield _Contender("libvips", caption_with_vips(), standard)
    magick = caption_with_magick()
    if magick is None:
        print("ImageMagick is not measured: its library is not installed (Debian: libmagickwand-6.q16-6).\n")
    else:
        yield _Contender("ImageMagick", magick, standard)


def _run(contenders: list[_Contender], rounds: int) -> None:
    """Alternate between the contenders, with the same frames and texts. Round 0 is the warm-up."""
    random_ = random.Random(1)
    for round_ in range(rounds + 1):
        for kind in _TEXTS:
            texts = [_write_text(kind, random_) for _ in range(_BATCH)]
            for contender in random_.sample(contenders, len(contenders)):
                for at, text in enumerate(texts):
                    contender.run(at, text, kind)
                if not round_:
                    contender.nanoseconds[kind].clear()


def _write_text(kind: _Text, random_: random.Random) -> str:
    length, words = kind
    return write_caption(RUSSIAN if words == _USUAL else invent_words(random_), length, random_)


def _print_report(contenders: list[_Contender], standard: list[bytes], options: argparse.Namespace) -> None:
    sizes = sorted(len(jpeg) // 1024 for jpeg in standard)
    print(
        f"{len(standard)} frames of {options.size}, 4:2:0, {sizes[0]} to {sizes[-1]} KiB; "
        f"{options.rounds * _BATCH} captions per cell; Python {platform.python_version()}, Pillow {PIL.__version__}, "
        f"libjpeg-turbo {features.version('libjpeg_turbo')}; {os.cpu_count()} cores.\n"
    )
    baseline = next(contender for contender in contenders if contender.is_baseline)
    heads = (f"{length} characters, {words}: µs | times as fast" for length, words in _TEXTS)
    print("| captioner |", " | ".join(heads), "|")
    print("| --- |", " | ".join(["---:"] * 2 * len(_TEXTS)), "|")
    for contender in contenders:
        print("|", contender.name, "|", " | ".join(_cells(contender, baseline)), "|")


def _cells(contender: _Contender, baseline: _Contender) -> Iterator[str]:
    for kind in _TEXTS:
        middle, fastest, slowest = contender.summarise_us(kind)
        yield f"{middle:,.0f} ({fastest:,.0f}–{slowest:,.0f})"
        yield f"{baseline.summarise_us(kind)[0] / middle:.1f}x"


if __name__ == "__main__":
    main()
