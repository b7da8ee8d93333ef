"""Selects the compiled or the interpreted entropy coding."""

import os
from array import array
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from sys import byteorder
from typing import NamedTuple

from captiond.imaging.jpeg import coefficients, progressive
from captiond.imaging.jpeg.decoder_table import make_table
from captiond.imaging.jpeg.entropy_decoder import EntropyDecoder
from captiond.imaging.jpeg.entropy_encoder import EntropyEncoder, find_unwritable, make_codes
from captiond.imaging.jpeg.progressive_encoder import ProgressiveEncoder

_SWITCH = "CAPTIOND_NATIVE"
_PACKAGE = "captiond.imaging.jpeg."
_MODULES = (
    "_native",
    "_native_coefficients",
    "_native_encoder",
    "_native_progressive",
    "_native_progressive_encoder",
    "_native_table",
    "_native_transform",
)


class Build(NamedTuple):
    """A build of the modules. Compiled classes and functions have the interface of the interpreted ones."""

    make_table: Callable[[bytes, frozenset[int]], "array[int]"]
    decoder: type[EntropyDecoder]
    make_codes: Callable[[bytes], "array[int]"]
    find_unwritable: Callable[["array[int]", "array[int]", Sequence[tuple[int, list[int]]]], list[int]]
    encoder: type[EntropyEncoder]
    read_dc: Callable[..., tuple[int, int]]
    refine_dc: Callable[["array[int]", int, int, "array[int]", "array[int]"], None]
    read_ac: Callable[..., tuple[int, int]]
    progressive_encoder: type[ProgressiveEncoder]
    unpack_blocks: Callable[[list[tuple[int, list[int]]], "array[int]"], "array[int]"]
    pack_blocks: Callable[["array[int]"], list[tuple[int, list[int]]]]
    make_steps: Callable[["array[int]", "array[int]"], "array[int]"] | None = None  # None: too slow, or unusable
    transform_blocks: Callable[[bytes, int, int, int, "array[int]"], "array[int]"] | None = None
    decode_blocks: Callable[[list[tuple[int, list[int]]], int, "array[int]"], bytes] | None = None


INTERPRETED = Build(
    make_table,
    EntropyDecoder,
    make_codes,
    find_unwritable,
    EntropyEncoder,
    progressive.read_dc,
    progressive.refine_dc,
    progressive.read_ac,
    ProgressiveEncoder,
    coefficients.unpack_blocks,
    coefficients.pack_blocks,
)


@cache
def default_build() -> Build:
    """The compiled build, or the interpreted one where it was not built or where CAPTIOND_NATIVE is 0."""
    if os.environ.get(_SWITCH) == "0":
        return INTERPRETED
    try:
        decoder, blocks, encoder, scans, scan_ends, table, transform = (
            import_module(_PACKAGE + name) for name in _MODULES
        )
    except ImportError:
        return INTERPRETED
    return Build(
        table.make_table,
        decoder.EntropyDecoder,
        encoder.make_codes,
        encoder.find_unwritable,
        encoder.EntropyEncoder,
        scans.read_dc,
        scans.refine_dc,
        scans.read_ac,
        scan_ends.ProgressiveEncoder,
        blocks.unpack_blocks,
        blocks.pack_blocks,
        table.make_steps if byteorder == "little" else None,
        transform.transform_blocks,
        transform.decode_blocks,
    )


def is_native() -> bool:
    """Whether the compiled build is used."""
    return default_build() is not INTERPRETED
