"""Captioning in a process of its own: what it survives."""

import io

import pytest
from PIL import Image

from captiond.imaging import BadImage, Captioner, Style
from captiond.services.captioner.isolation import CaptioningDied, IsolatedCaptioner, Limits


def photo(width_px: int = 64, height_px: int = 48) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width_px, height_px), "navy").save(out, "JPEG")
    return out.getvalue()


def test_it_captions_as_the_captioner_itself_does() -> None:
    isolated = IsolatedCaptioner(Style(), Limits()).add_caption(photo(), "7 секунд")

    assert isolated == Captioner(Style()).add_caption(photo(), "7 секунд")


def test_a_broken_image_is_told_as_such() -> None:
    with pytest.raises(BadImage):
        IsolatedCaptioner(Style(), Limits()).add_caption(photo()[:100], "7 секунд")


def test_too_little_memory_kills_the_process_and_not_its_caller() -> None:
    with pytest.raises(CaptioningDied, match="ended with status"):
        IsolatedCaptioner(Style(), Limits(memory_bytes=1 << 24)).add_caption(photo(6000, 4000), "7 секунд")


def test_too_long_a_time_kills_the_process_and_not_its_caller() -> None:
    with pytest.raises(CaptioningDied, match="took longer"):
        IsolatedCaptioner(Style(), Limits(wall_seconds=0)).add_caption(photo(), "7 секунд")
