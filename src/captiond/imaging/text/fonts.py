"""Finds and loads fonts, by path or by family name."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from PIL import ImageFont

from captiond.imaging.errors import FontNotFound
from captiond.imaging.text.bitmap_fonts import BitmapFont, find_strikes

_SUFFIXES = frozenset({".ttf", ".otf", ".ttc", ".otc"})
_REGULAR_STYLES = ("regular", "book", "roman", "normal", "text", "medium")
_PROBE_SIZE_PX = 1000  # larger than any strike, so that only outline fonts load
# Free fonts with the metrics of proprietary ones, used where those are not installed.
_METRIC_COMPATIBLE = {
    "arial": ("Liberation Sans", "Arimo"),
    "helvetica": ("Liberation Sans", "Arimo"),
    "timesnewroman": ("Liberation Serif", "Tinos"),
    "couriernew": ("Liberation Mono", "Cousine"),
}


@dataclass(frozen=True, slots=True)
class Face:
    """One face of a font file."""

    path: Path
    index: int
    family: str
    style: str
    strikes_px: tuple[int, ...] = ()
    """The sizes of a bitmap font's strikes, smallest first; empty for an outline font."""

    def matches(self, name: str) -> bool:
        """Whether `name` is the family, or family and style, regardless of case and spaces."""
        return _normalise(name) in {_normalise(self.family), _normalise(f"{self.family} {self.style}")}

    def distance_from_regular(self) -> int:
        """0 for the regular style, more for other styles."""
        style = self.style.lower()
        known = style in _REGULAR_STYLES
        return _REGULAR_STYLES.index(style) if known else len(_REGULAR_STYLES)


def load_font(name: str | None, size_px: int) -> ImageFont.FreeTypeFont:
    """Load the face named `name`, or the bundled one. Raises FontNotFound."""
    if name is None:
        return ImageFont.truetype(bundled_font(), size_px)
    path = Path(name).expanduser()
    if path.suffix.lower() in _SUFFIXES or path.name != name:
        return _load_file(path, size_px)
    return _load_family(name, size_px)


def bundled_font() -> Path:
    """The file of the default font. It is static, which draws two to three times faster than a variable font."""
    return bundled_directory() / "Roboto-Regular.ttf"


def bundled_directory() -> Path:
    """The directory of the font package."""
    return Path(str(files("font_roboto") / "files"))


def font_directories(platform: str = sys.platform) -> Iterator[Path]:
    """The directories of fonts on a platform. Some may not exist."""
    home = Path.home()
    yield bundled_directory()
    if platform == "win32":
        yield Path(os.environ.get("WINDIR", r"C:\Windows"), "Fonts")
        local = os.environ.get("LOCALAPPDATA", str(home / "AppData" / "Local"))
        yield Path(local, "Microsoft", "Windows", "Fonts")
    elif platform == "darwin":
        yield from (home / "Library/Fonts", Path("/Library/Fonts"), Path("/System/Library/Fonts"))
    else:
        yield Path(os.environ.get("XDG_DATA_HOME", home / ".local/share"), "fonts")
        yield home / ".fonts"
        shared = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
        yield from (Path(directory, "fonts") for directory in shared.split(":"))


def installed_faces() -> Iterator[Face]:
    """Every face of every readable font file on the system."""
    for directory in font_directories():
        for path in sorted(directory.rglob("*")):
            if path.suffix.lower() in _SUFFIXES:
                yield from _faces_of(path)


def regular_faces(faces: Iterable[Face]) -> list[Face]:
    """The most regular face of each family, families with many faces first."""
    families: dict[str, list[Face]] = {}
    for face in faces:
        families.setdefault(face.family, []).append(face)
    return [min(family, key=Face.distance_from_regular) for family in sorted(families.values(), key=len, reverse=True)]


def load_outline_fonts(faces: Iterable[Face], size_px: int) -> Iterator[ImageFont.FreeTypeFont]:
    """The regular face of each outline family."""
    for face in regular_faces(face for face in faces if not face.strikes_px):
        yield ImageFont.truetype(face.path, size_px, face.index)


def load_bitmap_fonts(faces: Iterable[Face], size_px: int) -> Iterator[BitmapFont]:
    """The regular face of each bitmap family, at the next larger strike if there is one, else at the largest."""
    for face in regular_faces(face for face in faces if face.strikes_px):
        strike_px = next((strike for strike in face.strikes_px if strike >= size_px), face.strikes_px[-1])
        yield BitmapFont(ImageFont.truetype(face.path, strike_px, face.index), size_px / strike_px)


def _faces_of(path: Path) -> Iterator[Face]:
    index = 0
    with suppress(OSError):  # no more faces, or not a font
        while True:
            yield _read_face(path, index)
            index += 1


def _read_face(path: Path, index: int) -> Face:
    strikes_px: tuple[int, ...] = ()
    try:
        font = ImageFont.truetype(path, _PROBE_SIZE_PX, index)
    except OSError as error:
        strikes_px = find_strikes(path, index, error)
        if not strikes_px:
            raise
        font = ImageFont.truetype(path, strikes_px[0], index)
    family, style = font.getname()
    return Face(path, index, family or path.stem, style or "", strikes_px)


def _load_file(path: Path, size_px: int) -> ImageFont.FreeTypeFont:
    if not path.is_file():
        raise FontNotFound(f"no such font file: {path}")
    try:
        return ImageFont.truetype(path, size_px)
    except OSError as error:
        raise FontNotFound(f"cannot load font file {path}: {error}") from error


def _load_family(name: str, size_px: int) -> ImageFont.FreeTypeFont:
    faces = [face for face in installed_faces() if not face.strikes_px]  # bitmap fonts are for fallback only
    for candidate in (name, *_METRIC_COMPATIBLE.get(_normalise(name), ())):
        if matching := [face for face in faces if face.matches(candidate)]:
            face = min(matching, key=Face.distance_from_regular)
            return ImageFont.truetype(face.path, size_px, face.index)
    raise FontNotFound.named(name, sorted({face.family for face in faces}))


def _normalise(name: str) -> str:
    return "".join(name.split()).casefold()
