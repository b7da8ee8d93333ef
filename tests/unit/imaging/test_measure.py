"""The size of a photo as viewers show it."""

import pytest
from tests.unit.imaging.photos import encode, insert_segment, picture
from tests.unit.imaging.test_damage import ORIENTATION_6

from captiond.imaging import measure_viewed

PHOTO = encode(picture())
WIDTH_PX, HEIGHT_PX = picture().size


@pytest.mark.parametrize(
    ("jpeg", "size"),
    [
        (PHOTO, (WIDTH_PX, HEIGHT_PX)),
        (insert_segment(PHOTO, 0xE1, ORIENTATION_6), (HEIGHT_PX, WIDTH_PX)),
        (PHOTO[:20], None),
    ],
    ids=["upright", "turned", "cut off in its header"],
)
def test_measured_size_is_that_of_the_viewed_photo(jpeg: bytes, size: tuple[int, int] | None) -> None:
    assert measure_viewed(jpeg) == size
