"""Descriptions from templates, which are always valid."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from captiond.image import ReceivedImage
from captiond.operations.caption_template import CaptionTemplate
from captiond.operations.description import describe


def fill(template: str, camera: str | None = None) -> str:
    image = ReceivedImage(
        id=UUID(int=1), received_at=datetime.now(UTC), description="", upload_sha256=b"", camera=camera
    )
    return describe(image, CaptionTemplate(template), "fallback").description


def test_template_is_filled_and_composed() -> None:
    assert fill("Gate {camera}", "e\u0301") == "Gate \u00e9"


def test_longer_text_is_cut_with_an_ellipsis() -> None:
    assert fill("x" * 200) == "x" * 200
    assert fill("x" * 201) == "x" * 199 + "…"


@pytest.mark.parametrize("camera", [None, " ", "\u200b", "\u2800"])
def test_blank_text_is_replaced(camera: str | None) -> None:
    assert fill("{camera}", camera) == "fallback"


def test_null_character_of_a_template_is_replaced() -> None:
    assert fill("a\0b") == "a b"
