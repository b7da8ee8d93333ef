"""Finding and loading fonts, by path or by family name."""

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from PIL import ImageFont

from captiond.imaging.errors import FontNotFound

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


def fallback_fonts(size_px: int) -> Iterator[ImageFont.FreeTypeFont]:
    """A font of every installed family, the most regular one it has; large families first."""
    families: dict[str, list[Face]] = {}
    for face in installed_faces():
        families.setdefault(face.family, []).append(face)
    for faces in sorted(families.values(), key=len, reverse=True):
        face = min(faces, key=Face.distance_from_regular)
        with suppress(OSError):  # made of bitmaps of other sizes
            yield ImageFont.truetype(face.path, size_px, face.index)


def _faces_of(path: Path) -> Iterator[Face]:
    index = 0
    with suppress(OSError):  # past the last face, or no font at all
        while True:
            family, style = ImageFont.truetype(path, _PROBE_SIZE_PX, index).getname()
            yield Face(path, index, family or path.stem, style or "")
            index += 1


def _load_file(path: Path, size_px: int) -> ImageFont.FreeTypeFont:
    if path.is_file():
        try:
            return ImageFont.truetype(path, size_px)
        except OSError as unreadable:
            raise FontNotFound(str(path), _families(installed_faces())) from unreadable
    raise FontNotFound(str(path), _families(installed_faces()))


def _load_family(name: str, size_px: int) -> ImageFont.FreeTypeFont:
    faces = list(installed_faces())
    for called in (name, *_SUBSTITUTES.get(_plain(name), ())):
        if matching := [face for face in faces if face.answers_to(called)]:
            face = min(matching, key=Face.distance_from_regular)
            return ImageFont.truetype(face.path, size_px, face.index)
    raise FontNotFound(name, _families(faces))


def _families(faces: Iterator[Face] | list[Face]) -> list[str]:
    return sorted({face.family for face in faces})


def _plain(name: str) -> str:
    return "".join(name.split()).casefold()
