"""Measures the character error rate of captions by JPEG quality and Huffman tables: python -m benchmarks.legibility.

Tesseract reads each strip, enlarged four times. The error rate is edits per character. Optimised tables lack symbols
of the strip, whose coefficients then change to the nearest with a code.
"""

import os
import random
import subprocess
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from benchmarks.inputs.frames import encode, make_frames
from benchmarks.inputs.texts import ENGLISH, RUSSIAN, write_caption
from PIL import Image, ImageOps

from captiond.imaging import Captioner, Style

_QUALITIES = (10, 20, 30, 50, 70, 85, 95)
_FONT_SIZES_PX = (12, 16)
_CAPTIONS = 60  # per cell
_SHORTEST, _LONGEST = 20, 150  # characters
_ENLARGED = 4
_MARGIN_PX = 40
_FINEST_TABLES = [[1] * 64] * 2


@dataclass(frozen=True, slots=True)
class _Language:
    name: str
    tesseract: str
    words: str


_LANGUAGES = (_Language("Russian", "rus", RUSSIAN), _Language("English", "eng", ENGLISH))


def main() -> None:
    """Print a Markdown table of error rates in per cent."""
    scene = make_frames(1)[0]
    files = {"as drawn": encode(scene, subsampling=0, qtables=_FINEST_TABLES)}
    files |= {f"quality {quality}": encode(scene, quality=quality) for quality in _QUALITIES}
    files |= {
        f"quality {quality}, optimised tables": encode(scene, quality=quality, optimize=True) for quality in _QUALITIES
    }
    columns = [(language, size_px) for size_px in _FONT_SIZES_PX for language in _LANGUAGES]
    print(f"{_CAPTIONS} captions of {_SHORTEST} to {_LONGEST} characters per cell, {_tesseract_version()}.\n")
    print("| photo |", " | ".join(f"{language.name}, {size_px} px" for language, size_px in columns), "|")
    print("| --- |", " | ".join("---:" for _ in columns), "|")
    with ThreadPoolExecutor() as pool:
        for name, jpeg in files.items():
            cells = pool.map(lambda column, jpeg=jpeg: _measure(jpeg, *column), columns)
            print("|", name, "|", " | ".join(f"{rate:.2f} %" for rate in cells), "|", flush=True)


def _measure(jpeg: bytes, language: _Language, size_px: int) -> float:
    """The error rate over all captions in per cent."""
    random_ = random.Random(1)
    captioner = Captioner(Style(font_size_px=size_px))
    texts = [write_caption(language.words, random_.randint(_SHORTEST, _LONGEST), random_) for _ in range(_CAPTIONS)]
    captioned = [captioner.add_caption(jpeg, text) for text in texts]
    if reason := next((one.reencode_reason for one in captioned if one.reencode_reason), None):
        raise SystemExit(f"a photo was re-encoded: {reason}")
    strips = (_cut_strip(jpeg, one.jpeg) for one in captioned)
    seen = _read(strips, language.tesseract)
    edits = sum(_count_edits(text, read) for text, read in zip(texts, seen, strict=True))
    return 100 * edits / sum(map(len, texts))


def _cut_strip(upload: bytes, captioned: bytes) -> Image.Image:
    photo = Image.open(BytesIO(upload))
    whole = Image.open(BytesIO(captioned))
    return whole.crop((0, photo.height, whole.width, whole.height)).convert("L")


def _read(strips: Iterable[Image.Image], language: str) -> list[str]:
    """Read the strips with Tesseract, inverted to dark text on a light ground."""
    with tempfile.TemporaryDirectory() as directory:
        files = []
        for at, strip in enumerate(strips):
            size = (_ENLARGED * strip.width, _ENLARGED * strip.height)
            enlarged = ImageOps.invert(strip).resize(size, Image.Resampling.LANCZOS)
            files.append(Path(directory, f"{at}.png"))
            ImageOps.expand(enlarged, _MARGIN_PX, fill=255).save(files[-1])
        list_file = Path(directory, "list")
        list_file.write_text("\n".join(map(str, files)))
        command = ("tesseract", str(list_file), "-", "-l", language, "--psm", "6", "--dpi", "300")
        ran = subprocess.run(
            command, capture_output=True, check=True, text=True, env={**os.environ, "OMP_THREAD_LIMIT": "1"}
        )
    pages = ran.stdout.split("\f")[: len(files)]
    return [" ".join(page.split()) for page in pages]


def _count_edits(wanted: str, seen: str) -> int:
    """The Levenshtein distance."""
    row = list(range(len(seen) + 1))
    for at, character in enumerate(wanted, start=1):
        above, row = row, [at]
        for column, other in enumerate(seen, start=1):
            row.append(min(above[column] + 1, row[-1] + 1, above[column - 1] + (character != other)))
    return row[-1]


def _tesseract_version() -> str:
    ran = subprocess.run(("tesseract", "--version"), capture_output=True, check=True, text=True)
    return ran.stdout.split("\n")[0]


if __name__ == "__main__":
    main()
