"""Pages of images: order, cursors, and filters by time and text."""

import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DataError

from captiond.archive import Archive, Neighbours, PageQuery, StoredImage
from captiond.archive.records import fold
from captiond.image import UNCHECKED, Labels
from tests.contract.archive.making import MORNING, make_record, replace_image


def store_described(archive: Archive, *descriptions: str) -> None:
    archive.store([make_record(description) for description in descriptions])


def found(archive: Archive, text: str) -> set[str]:
    return {image.description for image in archive.page(PageQuery(limit=100, text=text))}


def test_pages_cover_equal_times_without_gap_or_repetition(archive: Archive) -> None:
    records = [
        make_record(id_=UUID(int=number), received_at=MORNING + timedelta(microseconds=number // 7))
        for number in range(50)
    ]
    archive.store(records)

    pages: list[list[StoredImage]] = []
    query = PageQuery(limit=4)
    while page := archive.page(query):
        pages.append(page)
        query = PageQuery(limit=4, before=query.cursor_after(page[-1]))

    assert [len(page) for page in pages] == [4] * 12 + [2]
    assert [image.id.int for page in pages for image in page] == list(reversed(range(50)))


def test_page_can_be_limited_to_a_time_span(archive: Archive) -> None:
    hours = [MORNING + timedelta(hours=number) for number in range(5)]
    archive.store([make_record(received_at=hour) for hour in hours])

    page = archive.page(PageQuery(limit=10, since=hours[1], until=hours[3]))

    assert [image.received_at for image in page] == [hours[2], hours[1]]


def test_page_can_be_limited_to_ids_among_other_filters(archive: Archive) -> None:
    for number in range(6):
        archive.store(
            [make_record(f"Gate {number}", id_=UUID(int=number), received_at=MORNING + timedelta(hours=number))]
        )
    ids = (UUID(int=1), UUID(int=4), UUID(int=2), UUID(int=99))

    def chosen(**filters: Any) -> list[int]:  # noqa: ANN401 - of any field
        return [image.id.int for image in archive.page(PageQuery(**{"limit": 10, "ids": ids, **filters}))]

    assert chosen() == [4, 2, 1]
    assert chosen(limit=2) == [4, 2]
    assert chosen(before=(MORNING + timedelta(hours=4), UUID(int=4))) == [2, 1]
    assert (chosen(text="GATE 2"), chosen(text="\0"), chosen(camera="other")) == ([2], [], [])
    assert chosen(since=MORNING + timedelta(hours=2)) == [4, 2]
    assert archive.count_matching(PageQuery(limit=1, ids=ids), 10) == 3


@pytest.mark.parametrize("text", [None, "crossing"])
@pytest.mark.parametrize(
    ("damaged", "descriptions"),
    [
        (True, {"crossing: half"}),
        (False, {"crossing: whole"}),
        (None, {"crossing: half", "crossing: whole", "crossing"}),
    ],
)
def test_page_can_be_limited_to_damaged_or_intact_photos(
    archive: Archive,
    text: str | None,
    damaged: bool | None,  # noqa: FBT001 - a table of expectations
    descriptions: set[str],
) -> None:
    archive.store(
        [
            replace_image(make_record("crossing: half"), damage="the scan ends early (MCU 41 of 80)"),
            replace_image(make_record("crossing: whole"), damage=None),
            replace_image(make_record("crossing"), damage=UNCHECKED),
        ]
    )

    page = archive.page(PageQuery(limit=10, text=text, damaged=damaged))

    assert {image.description for image in page} == descriptions


@pytest.mark.parametrize("text", ["ЁЖИК", "ёжик", "Ёжик в тУМАНЕ", "туман", "STRASSE", "straße", "ναῦσ", "🦔"])
def test_text_is_found_in_any_case_and_script(archive: Archive, text: str) -> None:
    wanted = "Ёжик в тумане, Straße, ΝΑῦΣ, 🦔"
    store_described(archive, wanted, "лошадь", "yozhik")

    assert found(archive, text) == {wanted}


def test_similar_letters_are_distinguished(archive: Archive) -> None:
    store_described(archive, "мой край", "мои края", "все", "всё", "naive", "naïve")

    assert found(archive, "мой") == {"мой край"}
    assert found(archive, "всё") == {"всё"}
    assert found(archive, "naive") == {"naive"}


@pytest.mark.parametrize("text", ["100%", "a_b", "a/b", "a\\b", "'", '"'])
def test_wildcards_and_quotes_are_literal(archive: Archive, text: str) -> None:
    store_described(archive, "100 percent", "acb", "a//b", "a\\\\b", "plain", f"<{text}>")

    assert found(archive, text) == {f"<{text}>"}


@pytest.mark.parametrize("text", ["а" * 201, "nothing\0", "half \ud83e"])
def test_text_that_no_description_can_contain_finds_nothing(archive: Archive, text: str) -> None:
    store_described(archive, "а" * 200, "nothing", "half")

    assert found(archive, text) == set()


@pytest.mark.parametrize(
    "filters",
    [
        {"camera": "\0"},
        {"camera": "half \ud83e"},
        {"camera": "x" * 65},
        {"text": "nothing\0"},
        {"labels": (("plate", "\0"),)},
        {"labels": (("plate\0", "1"),)},
        {"labels": (("plate", "\ud83e"),), "text": "x"},
    ],
)
@pytest.mark.parametrize("ids", [(), (uuid4(),)])
def test_filter_that_no_field_can_contain_finds_nothing(
    archive: Archive, filters: dict[str, Any], ids: tuple[UUID, ...]
) -> None:
    [image] = archive.store([make_record(id_=uuid4())])
    assert isinstance(image, StoredImage)
    query = PageQuery(limit=10, ids=ids, **filters)

    assert archive.page(query) == []
    assert archive.count_matching(query, 10) == 0
    assert archive.neighbours(image, query) == Neighbours(None, None)


def test_empty_text_matches_every_image(archive: Archive) -> None:
    store_described(archive, "one", "two")

    assert found(archive, "") == {"one", "two"}


def test_folding_maps_a_character_to_at_most_three() -> None:
    assert max(len(fold(chr(code))) for code in range(sys.maxunicode + 1)) == 3


def test_time_without_a_zone_raises(sqlite_archive: Archive) -> None:
    with pytest.raises(Exception, match="has no time zone; pass an aware time"):
        sqlite_archive.page(PageQuery(limit=1, since=MORNING.replace(tzinfo=None)))


def explain(engine: Engine, archive: Archive, query: PageQuery) -> str:
    """The database's plan for a page."""
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.exec_driver_sql("ANALYZE images, image_labels")
    plans: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def add_plan(
        _connection: object, cursor: DBAPICursor, statement: str, parameters: Sequence[object], *_: object
    ) -> None:
        words = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
        cursor.execute(f"{words} {statement}", parameters)
        plans.append(str(cursor.fetchall()))

    archive.page(query)
    event.remove(engine, "before_cursor_execute", add_plan)
    [plan] = plans
    return plan


def store_many(archive: Archive) -> None:
    archive.store(
        [
            replace_image(
                make_record(received_at=MORNING + timedelta(seconds=number)),
                damage=UNCHECKED if number % 20 else "the scan ends early (MCU 41 of 80)",
                captured_at=MORNING - timedelta(seconds=number),
                camera=f"Camera {number % 50}",
                labels=Labels(site="north"),
            )
            for number in range(1500)
        ]
    )


def test_page_is_read_from_the_index_without_sorting(archive: Archive, engine: Engine) -> None:
    store_many(archive)

    plan = explain(engine, archive, PageQuery(limit=20, before=(MORNING + timedelta(seconds=700), UUID(int=0))))

    assert "ix_images_received_at_id" in plan
    assert not any(sorting in plan for sorting in ("TEMP B-TREE", "Sort", "filesort"))


def test_damaged_photos_are_read_from_their_index_without_sorting(archive: Archive, engine: Engine) -> None:
    store_many(archive)

    plan = explain(engine, archive, PageQuery(limit=20, damaged=True))

    assert "ix_images_damaged" in plan
    assert not any(sorting in plan for sorting in ("TEMP B-TREE", "Sort", "filesort"))


# PostgreSQL plans by cost and prefers another index for such a small table.
@pytest.mark.parametrize("database_url", ["sqlite", "mariadb"], indirect=True)
@pytest.mark.parametrize(
    ("query", "index"),
    [
        (PageQuery(limit=20, camera="Camera 1"), "ix_images_camera_received_at_id"),
        (PageQuery(limit=20, labels=(("site", "north"),)), "ix_image_labels_name_value_received_at_image_id"),
        (PageQuery(limit=20, captured_until=MORNING - timedelta(seconds=1300)), "ix_images_captured_at_id"),
        (PageQuery(limit=20, captured_until=MORNING, camera="Camera 1"), "ix_images_camera_captured_at_id"),
    ],
)
def test_filter_reads_its_index_without_sorting(archive: Archive, engine: Engine, query: PageQuery, index: str) -> None:
    store_many(archive)

    plan = explain(engine, archive, query)

    assert index in plan
    assert not any(sorting in plan for sorting in ("TEMP B-TREE", "Sort", "filesort"))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_invalid_query_does_not_make_the_archive_unavailable(archive: Archive) -> None:
    with pytest.raises(DataError, match="LIMIT must not be negative"):
        archive.page(PageQuery(limit=-1))
