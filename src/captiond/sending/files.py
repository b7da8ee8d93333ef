"""Finds the files to send: from the arguments of a command, in folders, and by patterns."""

import glob
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

SUFFIXES = (".jpg", ".jpeg", ".jpe")
_NUMBER = re.compile(r"(\d+)")


class NoFiles(ValueError):
    """An argument names no file. The message names it and the reason."""


def find_files(arguments: Iterable[str]) -> list[Path]:
    """Return each file once: those of folders and patterns in natural order. Raises NoFiles.

    A file that does not exist is returned, and fails when it is read.
    """
    found: dict[Path, None] = {}
    for argument in arguments:
        found.update(dict.fromkeys(_expand(argument)))
    return list(found)


def parse_list(content: bytes) -> list[str]:
    """Return the paths of a list, one per line, or separated by U+0000 as `find -print0` writes it."""
    separator = b"\0" if b"\0" in content else b"\n"
    lines = content.removeprefix(b"\xef\xbb\xbf").split(separator)
    paths = lines if separator == b"\0" else [line.removesuffix(b"\r") for line in lines]
    return [os.fsdecode(path) for path in paths if path]


def natural_key(path: Path) -> tuple[list[tuple[str, int]], str]:
    """Return a key that sorts `img2` before `img10`, ignoring case."""
    pieces = _NUMBER.split(str(path).casefold())
    # Texts and numbers alternate, beginning with a text.
    numbers = [int(number) for number in pieces[1::2]]
    return list(zip(pieces[::2], [*numbers, 0], strict=True)), str(path)


def _expand(argument: str) -> list[Path]:
    path = Path(argument)
    if path.is_dir():
        if not (files := _find_in_folder(path)):
            raise NoFiles(f"{path}: no JPEG in this folder ({', '.join(SUFFIXES)})")
        return files
    if not os.path.lexists(path) and glob.has_magic(argument):
        if not (files := _find_by_pattern(argument)):
            raise NoFiles(f"{argument}: no file matches")
        return files
    return [path]


def _find_by_pattern(pattern: str) -> list[Path]:
    """Expand a pattern that the shell did not expand, without `**`: a folder has the files of its folders anyway."""
    matches = sorted(map(Path, glob.glob(pattern)), key=natural_key)  # noqa: PTH207 - absolute ones too
    return [file for match in matches for file in (_find_in_folder(match) if match.is_dir() else [match])]


def _find_in_folder(folder: Path) -> list[Path]:
    """Find the JPEGs in a folder and its folders, except hidden ones. Links to folders below it are not followed."""
    return sorted(_walk(folder), key=natural_key)


def _walk(folder: Path) -> Iterator[Path]:
    for directory, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                yield Path(directory, name)


def _raise(error: OSError) -> None:
    raise NoFiles(f"{error.filename}: {error.strerror}") from error
