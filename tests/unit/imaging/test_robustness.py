"""Any bytes give a captioned JPEG with an unchanged photo, or BadImage."""

from pathlib import Path

import pytest
from fuzz.oracle import check
from fuzz.seeds import seeds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from captiond.imaging import Captioner, Style

CORPUS = sorted((Path(__file__).parents[3] / "fuzz" / "corpus").glob("[!.]*"))
SEEDS = [content for _, content in seeds()]
CAPTIONER = Captioner(Style(max_pixels=1 << 20))


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A small JPEG with a few bytes replaced, inserted or deleted."""
    jpeg = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(jpeg) - 1))
        end = at + draw(st.integers(0, 4))
        jpeg[at:end] = draw(st.binary(max_size=4))
        if not jpeg:
            break
    return bytes(jpeg)


@pytest.mark.parametrize("content", SEEDS)
def test_seeds_are_captioned(content: bytes) -> None:
    captioned = check(CAPTIONER, content)

    assert captioned is not None


@given(damaged())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_damaged_file_is_captioned_correctly_or_rejected(upload: bytes) -> None:
    check(CAPTIONER, upload)


@given(st.binary(max_size=400).map(lambda rest: b"\xff\xd8\xff" + rest))
@settings(max_examples=200, deadline=None)
def test_bytes_that_only_start_like_a_jpeg_are_rejected(upload: bytes) -> None:
    assert check(CAPTIONER, upload) is None


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_corpus_case_is_captioned_correctly_or_rejected(case: Path) -> None:
    check(CAPTIONER, case.read_bytes())
