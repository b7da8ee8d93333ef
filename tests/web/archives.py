"""Archives for tests of the page."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from captiond.archive import StoredImage
from tests.integration.api.serving import Api, jpeg, record

NEWEST = datetime(2026, 11, 20, 12, tzinfo=UTC)
PHOTO = jpeg(64, 48)


def fill(api: Api, count: int, description: str = "Image {number}", **fields: Any) -> list[StoredImage]:  # noqa: ANN401 - any field of an image
    """Archive images one minute apart, number 0 newest. Returns them, newest first."""
    records = [
        record(PHOTO, description.format(number=number), NEWEST - timedelta(minutes=number)) for number in range(count)
    ]
    fields = {"width": 64, "height": 48, "damage": None, **fields}
    return api.archive(*(replace(each, image=replace(each.image, **fields)) for each in records))
