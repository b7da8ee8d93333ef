"""The photographs of a folder, and what its manifest says of their origin."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_SOI = b"\xff\xd8"
_MANIFEST = "MANIFEST.tsv"


@dataclass(frozen=True, slots=True)
class Photo:
    """A file that starts as a JPEG does."""

    name: str
    """The path inside the folder, with `/` as separator."""
    path: Path
    source: str = ""
    """The manifest's source repository; empty without one."""


def find_photos(folder: Path) -> list[Photo]:
    """All files below the folder whose first two bytes are SOI, whatever their extension, sorted by name."""
    sources = dict(_read_sources(folder / _MANIFEST))
    names = ((path.relative_to(folder).as_posix(), path) for path in sorted(folder.rglob("*")) if _is_jpeg(path))
    return [Photo(name, path, sources.get(name, "")) for name, path in names]


def choose_photos(photos: Sequence[Photo], names: Sequence[str]) -> list[Photo]:
    """The photos of these names; raises ValueError for a name that the folder lacks. No names: all photos."""
    if unknown := set(names) - {photo.name for photo in photos}:
        raise ValueError(f"no such photo: {', '.join(sorted(unknown))}")
    return [photo for photo in photos if not names or photo.name in names]


def _is_jpeg(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_SOI)) == _SOI


def _read_sources(manifest: Path) -> Iterator[tuple[str, str]]:
    """File names and source repositories; nothing where there is no manifest."""
    if manifest.exists():
        with manifest.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                yield row["file"], row.get("source repository") or ""
