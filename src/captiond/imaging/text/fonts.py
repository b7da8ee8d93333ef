"""Finding and loading fonts, by path or by family name."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from PIL import ImageFont

from captiond.imaging.errors import FontNotFound
from captiond.imaging.text.bitmap_fonts import BitmapFont
from captiond.imaging.text.strikes import read_strikes

_SUFFIXES = frozenset({".ttf", ".otf", ".ttc", ".otc"})
_REGULAR_STYLES = ("regular", "book", "roman", "normal", "text", "medium")
_PROBE_SIZE_PX = 10
# Made to the metrics of fonts that only some systems may carry, in their stead where those are missing.
_SUBSTITUTES = {
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
    """The sizes of a font made of bitmaps, smallest first; others have every size."""

    def answers_to(self, name: str) -> bool:
        """Whether `name` is the family, or family and style, whatever the case."""
        wanted = _plain(name)
        return wanted in {_plain(self.family), _plain(f"{self.family} {self.style}")}

    def distance_from_regular(self) -> int:
        """0 for the regular style, more for a less usual one."""
        style = self.style.lower()
        known = style in _REGULAR_STYLES
        return _REGULAR_STYLES.index(style) if known else len(_REGULAR_STYLES)


def load_font(name: str | None, size_px: int) -> ImageFont.FreeTypeFont:
    """Load the face called `name`, or the bundled one; raises FontNotFound."""
    if name is None:
        return ImageFont.truetype(bundled_font(), size_px)
    path = Path(name).expanduser()
    if path.suffix.lower() in _SUFFIXES or path.name != name:
        return _load_file(path, size_px)
    return _load_family(name, size_px)


def bundled_font() -> Path:
    """The font that comes with the installation: static, so it draws fast, with Cyrillic."""
    return bundled_directory() / "Roboto-Regular.ttf"


def bundled_directory() -> Path:
    """Where the font package keeps its files."""
    return Path(str(files("font_roboto") / "files"))


def font_directories(platform: str = sys.platform) -> Iterator[Path]:
    """Where such a system keeps its fonts; some may not exist."""
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
    """Every face of every readable font file of the system."""
    for directory in font_directories():
        for path in sorted(directory.rglob("*")):
            if path.suffix.lower() in _SUFFIXES:
                yield from _faces_of(path)


def regular_faces(faces: Iterable[Face]) -> list[Face]:
    """A face of every family, the most regular one it has; large families first."""
    families: dict[str, list[Face]] = {}
    for face in faces:
        families.setdefault(face.family, []).append(face)
    return [min(family, key=Face.distance_from_regular) for family in sorted(families.values(), key=len, reverse=True)]


def load_outlines(faces: Iterable[Face], size_px: int) -> Iterator[ImageFont.FreeTypeFont]:
    """A font of every family that is drawn with outlines."""
    for face in regular_faces(face for face in faces if not face.strikes_px):
        with suppress(OSError):  # made of bitmaps of other sizes, in one more format
            yield ImageFont.truetype(face.path, size_px, face.index)


def load_bitmaps(faces: Iterable[Face], size_px: int) -> Iterator[BitmapFont]:
    """A font of every family that is made of bitmaps; they are reduced rather than enlarged."""
    for face in regular_faces(face for face in faces if face.strikes_px):
        strike_px = next((strike for strike in face.strikes_px if strike >= size_px), face.strikes_px[-1])
        with suppress(OSError):  # a size that its table promises and FreeType does not take
            yield BitmapFont(ImageFont.truetype(face.path, strike_px, face.index), size_px / strike_px)


def _faces_of(path: Path) -> Iterator[Face]:
    index = 0
    with suppress(OSError):  # past the last face, or no font at all
        while True:
            yield _read_face(path, index)
            index += 1


def _read_face(path: Path, index: int) -> Face:
    strikes: tuple[int, ...] = ()
    try:
        font = ImageFont.truetype(path, _PROBE_SIZE_PX, index)
    except OSError:
        strikes = read_strikes(path, index)
        if not strikes:
            raise
        font = ImageFont.truetype(path, strikes[0], index)
    family, style = font.getname()
    return Face(path, index, family or path.stem, style or "", strikes)


def _load_file(path: Path, size_px: int) -> ImageFont.FreeTypeFont:
    if path.is_file():
        try:
            return ImageFont.truetype(path, size_px)
        except OSError as unreadable:
            raise FontNotFound(str(path), _families(installed_faces())) from unreadable
    raise FontNotFound(str(path), _families(installed_faces()))


def _load_family(name: str, size_px: int) -> ImageFont.FreeTypeFont:
    faces = [face for face in installed_faces() if not face.strikes_px]
    for called in (name, *_SUBSTITUTES.get(_plain(name), ())):
        if matching := [face for face in faces if face.answers_to(called)]:
            face = min(matching, key=Face.distance_from_regular)
            return ImageFont.truetype(face.path, size_px, face.index)
    raise FontNotFound(name, _families(faces))


def _families(faces: Iterable[Face]) -> list[str]:
    """Those that a caption can be set in; bitmaps only stand in for what is missing there."""
    return sorted({face.family for face in faces if not face.strikes_px})


def _plain(name: str) -> str:
    return "".join(name.split()).casefold()
