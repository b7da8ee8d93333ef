"""Neighbours of an image, counts of matches, and the filter by the way of captioning."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from captiond.archive import Archive, Neighbours, PageQuery, Record, StoredImage
from captiond.image import UNCHECKED, Labels
from tests.contract.archive.making import MORNING, make_record, replace_image

NOWHERE = Neighbours(None, None)
QUERIES = {
    "all": PageQuery(limit=1),
    "camera": PageQuery(limit=1, camera="north"),
    "label": PageQuery(limit=1, labels=(("lane", "1"),)),
    "camera and label": PageQuery(limit=1, camera="north", labels=(("lane", "1"),)),
    "damaged": PageQuery(limit=1, damaged=True),
    "intact": PageQuery(limit=1, damaged=False),
    "re-encoded": PageQuery(limit=1, reencoded=True),
    "lossless": PageQuery(limit=1, reencoded=False),
    "text": PageQuery(limit=1, text="GATE 1"),
    "two letters": PageQuery(limit=1, text="e 2"),
    "text and camera": PageQuery(limit=1, text="gate", camera="north"),
    "received": PageQuery(limit=1, since=MORNING + timedelta(seconds=3), until=MORNING + timedelta(seconds=20)),
    "captured": PageQuery(limit=1, captured_since=MORNING - timedelta(days=1)),
    "captured span": PageQuery(
        limit=1, captured_since=MORNING - timedelta(seconds=30), captured_until=MORNING - timedelta(seconds=5)
    ),
    "captured, camera, label and received": PageQuery(
        limit=1,
        captured_since=MORNING - timedelta(days=1),
        camera="north",
        labels=(("lane", "1"),),
        until=MORNING + timedelta(seconds=20),
    ),
    "captured and damaged": PageQuery(limit=1, captured_since=MORNING - timedelta(days=1), damaged=True),
}


def numbered(number: int) -> Record:
    """Groups of images share a time of receipt. The times of capture run backwards, and some are missing."""
    record = make_record(
        f"gate {number % 4}", id_=UUID(int=number + 1), received_at=MORNING + timedelta(seconds=number // 3)
    )
    return replace_image(
        record,
        camera="north" if number % 3 else "south",
        labels=Labels({"lane": str(number % 2)}),
        damage="the scan ends early" if number % 5 == 0 else UNCHECKED if number % 5 == 1 else None,
        reencode_reason="progressive photo" if number % 7 == 0 else None,
        captured_at=None if number % 6 == 5 else MORNING - timedelta(seconds=number // 2),
    )


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_neighbours_and_count_agree_with_the_list(archive: Archive, query: PageQuery) -> None:
    archive.store([numbered(number) for number in range(72)])
    images = archive.page(replace(query, limit=100))
    assert 3 < len(images) <= 72

    found = [archive.neighbours(image, query) for image in images]

    ids = [image.id for image in images]
    expected = zip([None, *ids], [*ids[1:], None], strict=False)
    assert found == [Neighbours(*pair) for pair in expected]
    assert archive.count_matching(query, 100) == len(images)
    assert archive.count_matching(query, len(images)) == len(images)
    assert archive.count_matching(query, len(images) - 2) == len(images) - 1


def test_limit_and_cursor_of_the_query_do_not_matter(archive: Archive) -> None:
    archive.store([numbered(number) for number in range(9)])
    images = archive.page(PageQuery(limit=9))
    query = PageQuery(limit=100, before=(images[7].received_at, images[7].id))

    assert archive.neighbours(images[4], query) == Neighbours(images[3].id, images[5].id)
    assert archive.count_matching(query, 100) == 9


def test_image_outside_the_filter_has_its_neighbours_in_the_list(archive: Archive) -> None:
    stored = [image for image in archive.store([numbered(n) for n in range(9)]) if isinstance(image, StoredImage)]
    south = stored[3]
    assert south.camera == "south"

    assert archive.neighbours(south, QUERIES["camera"]) == Neighbours(stored[4].id, stored[2].id)


def test_image_without_a_time_of_capture_has_no_neighbours_by_capture(archive: Archive) -> None:
    stored = [image for image in archive.store([numbered(n) for n in range(9)]) if isinstance(image, StoredImage)]
    assert stored[5].captured_at is None

    assert archive.neighbours(stored[5], QUERIES["captured"]) == NOWHERE


def test_text_that_no_description_can_contain_has_no_neighbours_and_no_matches(archive: Archive) -> None:
    (image,) = archive.store([make_record(id_=uuid4())])
    assert isinstance(image, StoredImage)
    query = PageQuery(limit=1, text="nothing\0")

    assert archive.neighbours(image, query) == NOWHERE
    assert archive.count_matching(query, 10) == 0
