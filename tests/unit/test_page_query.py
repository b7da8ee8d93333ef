from datetime import UTC, datetime

import pytest

from captiond.archive import PageQuery

NOW = datetime.now(UTC)
SPEED, LANE = ("speed", "83"), ("lane", "2")


@pytest.mark.parametrize(
    ("query", "may_scan"),
    [
        (PageQuery(1), False),
        (PageQuery(1, since=NOW, until=NOW), False),
        (PageQuery(1, damaged=True, since=NOW), False),
        (PageQuery(1, camera="A", until=NOW), False),
        (PageQuery(1, labels=(SPEED,), since=NOW), False),
        (PageQuery(1, text="x"), True),
        (PageQuery(1, damaged=False), True),
        (PageQuery(1, captured_since=NOW), True),
        (PageQuery(1, captured_until=NOW), True),
        (PageQuery(1, labels=(SPEED, LANE)), True),
        (PageQuery(1, labels=(SPEED,), camera="A"), True),
        (PageQuery(1, camera="A", damaged=True), True),
    ],
)
def test_query_without_an_index_in_the_order_of_the_page_counts_as_a_search(query: PageQuery, may_scan: bool) -> None:  # noqa: FBT001 - a table of expectations
    assert query.may_scan is may_scan
