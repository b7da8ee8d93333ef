"""Fields of received files, from their paths."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from captiond.image import ReceivedImage
from captiond.operations.caption_template import CaptionTemplate
from captiond.operations.path_fields import compile_pattern
from captiond.services.ftp.fields import FieldReader


def fill(path: str, pattern: str | None = None, template: str = "{description}") -> ReceivedImage:
    image = ReceivedImage(id=UUID(int=1), received_at=datetime.now(UTC), description="", upload_sha256=b"")
    compiled = compile_pattern(pattern) if pattern else None
    return FieldReader(compiled, CaptionTemplate(template), UTC).fill(image, path)


def test_path_gives_fields_and_description() -> None:
    image = fill("/north/IP_01_20261126104501.jpg", r"^/(?P<camera>\w+)/IP_(?P<lane>\d+)_(?P<captured_at>\d{14})")

    assert (image.camera, image.labels, image.captured_at) == (
        "north",
        {"lane": "01"},
        datetime(2026, 11, 26, 10, 45, 1, tzinfo=UTC),
    )
    assert image.description == "IP_01_20261126104501"


@pytest.mark.parametrize(
    ("path", "description"),
    [
        ("/" + "x" * 250 + ".jpg", "x" * 199 + "…"),
        ("/\u200b.jpg", "-"),
        ("/", "-"),
        ("/e\u0301.jpg", "\u00e9"),
    ],
)
def test_description_is_valid_for_any_name(path: str, description: str) -> None:
    assert fill(path).description == description
    assert fill(path, template="{camera}").description == description
