"""Captioning in a subprocess with limits."""

import io
import resource
import subprocess
import sys

import pytest
from PIL import Image

from captiond.imaging import BadImage, Captioner, Style
from captiond.services.captioner.isolation import CaptioningDied, IsolatedCaptioner, Limits

REFUSED_LIMIT = """
import resource
from captiond.services.captioner.isolation import set_limit
before = resource.getrlimit(resource.RLIMIT_NOFILE)
set_limit(resource.RLIMIT_NOFILE, 1 << 40)
assert resource.getrlimit(resource.RLIMIT_NOFILE) == before
"""


def photo(width_px: int = 64, height_px: int = 48) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width_px, height_px), "navy").save(out, "JPEG")
    return out.getvalue()


def test_result_equals_that_of_the_captioner() -> None:
    isolated = IsolatedCaptioner(Style(), Limits()).add_caption(photo(), "7 секунд")

    assert isolated == Captioner(Style()).add_caption(photo(), "7 секунд")


def test_undecodable_image_raises_bad_image() -> None:
    with pytest.raises(BadImage):
        IsolatedCaptioner(Style(), Limits()).add_caption(photo()[:100], "7 секунд")


def test_memory_limit_ends_only_the_subprocess() -> None:
    with pytest.raises(CaptioningDied, match="ended with status"):
        IsolatedCaptioner(Style(), Limits(memory_bytes=1 << 24)).add_caption(photo(6000, 4000), "7 секунд")


def test_time_limit_ends_only_the_subprocess() -> None:
    with pytest.raises(CaptioningDied, match="took longer"):
        IsolatedCaptioner(Style(), Limits(wall_seconds=0)).add_caption(photo(), "7 секунд")


def test_limit_that_the_kernel_refuses_is_skipped() -> None:
    """As macOS refuses RLIMIT_AS. Linux refuses more files than fs.nr_open, even to root."""
    with pytest.raises(ValueError, match="not allowed"):
        resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 40, 1 << 40))

    subprocess.run([sys.executable, "-c", REFUSED_LIMIT], timeout=60, check=True)
