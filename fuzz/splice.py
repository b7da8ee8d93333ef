"""Fuzzes captioning with libFuzzer: `make fuzz`. Add failing inputs to fuzz/corpus, which the unit tests run."""

import sys

import atheris

with atheris.instrument_imports(include=["captiond.imaging"]):
    from captiond.imaging import Captioner, Style

from fuzz.oracle import check

MAX_PIXELS = 1 << 20


def main() -> None:
    """Run libFuzzer with the command-line arguments."""
    captioner = Captioner(Style(max_pixels=MAX_PIXELS))
    atheris.Setup(sys.argv, lambda data: check(captioner, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
