"""Fuzzes captioning, guided by coverage: `make fuzz`. Found cases belong into fuzz/corpus, which the tests run too."""

import sys

import atheris

with atheris.instrument_imports(include=["captiond.imaging"]):
    from captiond.imaging import Captioner, Style

from fuzz.oracle import check

MAX_PIXELS = 1 << 20


def main() -> None:
    """Run libFuzzer with the arguments of the command line."""
    captioner = Captioner(Style(max_pixels=MAX_PIXELS))
    atheris.Setup(sys.argv, lambda data: check(captioner, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
