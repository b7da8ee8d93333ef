"""Selects the compiled or the interpreted entropy coding."""

import os
from functools import cache
from importlib import import_module
from typing import NamedTuple

from captiond.imaging.jpeg.entropy_decoder import EntropyDecoder
from captiond.imaging.jpeg.entropy_encoder import EntropyEncoder

_SWITCH = "CAPTIOND_NATIVE"
_PACKAGE = "captiond.imaging.jpeg."


class Build(NamedTuple):
    """A build of both classes. The compiled classes have the interface of the interpreted ones."""

    decoder: type[EntropyDecoder]
    encoder: type[EntropyEncoder]


INTERPRETED = Build(EntropyDecoder, EntropyEncoder)


@cache
def default_build() -> Build:
    """The compiled build, or the interpreted one where it was not built or where CAPTIOND_NATIVE is 0."""
    if os.environ.get(_SWITCH) == "0":
        return INTERPRETED
    try:
        decoder, encoder = (import_module(_PACKAGE + name) for name in ("_native", "_native_encoder"))
    except ImportError:
        return INTERPRETED
    return Build(decoder.EntropyDecoder, encoder.EntropyEncoder)


def is_native() -> bool:
    """Whether the compiled build is used."""
    return default_build() is not INTERPRETED
