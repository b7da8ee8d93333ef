"""The fields that clients state: camera, time of capture and labels, stored and filtered."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from captiond.archive import Archive, PageQuery, RecordRejected, StoredImage
from captiond.image import UNCHECKED, Labels
from tests.contract.archive.making import MORNING, make_record, replace_image

CAMERAS = (None, "North", "Süd", "север")
SPEEDS = (None, "50", "83")
PLATES = (None, "А001МР77", "a'b\"c%_")
DAMAGES = {True: "the scan ends early (MCU 41 of 80)", False: None}


@pytest.fixture(name="stored")
def _stored(archive: Archive) -> list[StoredImage]:
    """Images with every combination of fields, stored in no order."""
    chance = random.Random(14)  # noqa: S311 - test data
    records = []
    for number in range(120):
        pairs = {"speed": chance.choice(SPEEDS), "plate": chance.choice(PLATES)}
        captured_at = chance.choice((None, MORNING - timedelta(minutes=chance.randrange(60))))
        record = make_record(
            f"Фаза {number % 3}", received_at=MORNING + timedelta(seconds=number // 2), jpeg=b"%d" % number
        )
        records.append(
            replace_image(
                record,
                camera=chance.choice(CAMERAS),
                captured_at=captured_at,
                labels=Labels({name: value for name, value in pairs.items() if value}),
                damage=chance.choice((*DAMAGES.values(), UNCHECKED)),
                caption=None if number % 2 else f"text {number}",
            )
        )
    chance.shuffle(records)
    outcomes = archive.store(records)
    return [outcome for outcome in outcomes if isinstance(outcome, StoredImage)]


def matches(image: StoredImage, query: PageQuery) -> bool:
    return (
        query.camera in (None, image.camera)
        and all(image.labels.get(name) == value for name, value in query.labels)
        and (query.text is None or query.text.casefold() in image.description.casefold())
        and (query.damaged is None or image.damage == DAMAGES[query.damaged])
        and (query.since is None or image.received_at >= query.since)
        and (query.until is None or image.received_at < query.until)
        and (query.captured_since is None or bool(image.captured_at and image.captured_at >= query.captured_since))
        and (query.captured_until is None or bool(image.captured_at and image.captured_at < query.captured_until))
    )


def test_fields_are_stored_and_read(archive: Archive, stored: list[StoredImage]) -> None:
    assert len(stored) == 120
    assert [archive.find(image.id) for image in stored] == stored
    assert {image.labels.get("plate") for image in stored} == set(PLATES)


def test_pages_have_the_images_that_match_every_filter(archive: Archive, stored: list[StoredImage]) -> None:
    chance = random.Random(7)  # noqa: S311 - test data
    half_past = MORNING - timedelta(minutes=30)
    for _ in range(150):
        chosen = {"speed": chance.choice(SPEEDS), "plate": chance.choice(PLATES)}
        query = PageQuery(
            limit=chance.choice((1, 3, 10, 200)),  # over 50 matches per image on the page is not selective
            text=chance.choice((None, None, "фаза 1")),
            camera=chance.choice(CAMERAS),
            labels=tuple((name, value) for name, value in chosen.items() if value),
            damaged=chance.choice((None, None, True, False)),
            since=chance.choice((None, None, MORNING + timedelta(seconds=20))),
            until=chance.choice((None, None, MORNING + timedelta(seconds=40))),
            captured_since=chance.choice((None, half_past)),
            captured_until=chance.choice((None, half_past + timedelta(minutes=15))),
        )

        found: list[StoredImage] = []
        page_query = query
        while page := archive.page(page_query):
            found += page
            page_query = replace(query, before=query.cursor_after(page[-1]))

        matching = [image for image in stored if matches(image, query)]
        assert found == sorted(matching, key=query.cursor_after, reverse=True), query


def test_image_stored_twice_has_its_labels_once(archive: Archive) -> None:
    record = replace_image(make_record(), labels=Labels(speed="83"))

    archive.store([record])
    archive.store([record])

    assert [image.id for image in archive.page(PageQuery(limit=10, labels=(("speed", "83"),)))] == [record.image.id]


def test_labels_of_a_rejected_upload_are_not_stored(archive: Archive) -> None:
    record = replace_image(make_record(), labels=Labels(speed="50"))
    other = replace_image(record, labels=Labels(speed="83"), upload_sha256=bytes(32))
    archive.store([record])

    [outcome] = archive.store([other])

    assert isinstance(outcome, RecordRejected)
    assert archive.page(PageQuery(limit=10, labels=(("speed", "83"),))) == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"camera": "x" * 65}, "the camera exceeds 64 characters"),
        ({"camera": "a\0b"}, "contains U+0000"),
        ({"labels": Labels(speed="x" * 201)}, "the label speed exceeds 200 characters"),
        ({"labels": Labels({"x" * 33: "1"})}, "exceeds 32 characters"),
        ({"caption": "x" * 10_001}, "the caption exceeds 10000 characters"),
    ],
)
def test_unstorable_field_is_rejected(sqlite_archive: Archive, fields: dict[str, object], reason: str) -> None:
    [outcome] = sqlite_archive.store([replace_image(make_record(), **fields)])

    assert isinstance(outcome, RecordRejected)
    assert reason in str(outcome)


def test_longest_fields_are_stored(archive: Archive) -> None:
    longest = replace_image(
        make_record(),
        camera="🚦" * 64,
        labels=Labels({f"{number:x<32}": "🚦" * 200 for number in range(16)}),
        caption="🚦" * 10_000,
    )

    [outcome] = archive.store([longest])

    assert isinstance(outcome, StoredImage)
    assert archive.find(longest.image.id) == outcome


def test_pages_list_each_image_of_equal_capture_times_once(archive: Archive) -> None:
    records = [
        replace_image(make_record(received_at=MORNING + timedelta(seconds=number)), captured_at=MORNING)
        for number in range(10)
    ]
    archive.store(records)
    query = PageQuery(limit=3, captured_since=MORNING)

    pages: list[list[StoredImage]] = []
    while page := archive.page(query):
        pages.append(page)
        query = replace(query, before=query.cursor_after(page[-1]))

    ids = [image.id for page in pages for image in page]
    assert [len(page) for page in pages] == [3, 3, 3, 1]
    assert ids == sorted((record.image.id for record in records), reverse=True)
