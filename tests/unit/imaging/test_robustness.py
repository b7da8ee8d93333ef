"""Whatever bytes come in: a captioned JPEG whose photo is the upload's, or a clean refusal."""

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
    """A small JPEG with a few bytes replaced, put in, or cut out."""
    jpeg = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(jpeg) - 1))
        until = at + draw(st.integers(0, 4))
        jpeg[at:until] = draw(st.binary(max_size=4))
        if not jpeg:
            break
    return bytes(jpeg)


@pytest.mark.parametrize("content", SEEDS)
def test_small_files_of_every_kind_are_captioned_without_being_decoded(content: bytes) -> None:
    captioned = check(CAPTIONER, content)

    assert captioned is not None


@given(damaged())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_damaged_file_is_captioned_rightly_or_refused(upload: bytes) -> None:
    check(CAPTIONER, upload)


@given(st.binary(max_size=400).map(lambda tail: b"\xff\xd8\xff" + tail))
@settings(max_examples=200, deadline=None)
def test_what_only_begins_like_a_jpeg_is_refused(upload: bytes) -> None:
    assert check(CAPTIONER, upload) is None


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_cases_that_were_found_before_stay_mended(case: Path) -> None:
    check(CAPTIONER, case.read_bytes())
