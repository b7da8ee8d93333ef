"""Lists that may read every row have the limits of searches."""

from datetime import UTC, datetime

import pytest

from captiond.archive import PageQuery

TIME = datetime(2026, 11, 26, tzinfo=UTC)
LABEL = ("speed", "83")


@pytest.mark.parametrize(
    "query",
    [
        PageQuery(limit=10),
        PageQuery(limit=10, since=TIME, until=TIME),
        PageQuery(limit=10, camera="North", since=TIME),
        PageQuery(limit=10, labels=(LABEL,)),
        PageQuery(limit=10, damaged=True),
        PageQuery(limit=10, captured_since=TIME),
        PageQuery(limit=10, captured_until=TIME, camera="North"),
    ],
)
def test_list_that_one_index_orders_may_not_scan(query: PageQuery) -> None:
    assert not query.may_scan


@pytest.mark.parametrize(
    "query",
    [
        PageQuery(limit=10, text="x"),
        PageQuery(limit=10, damaged=False),
        PageQuery(limit=10, labels=(LABEL, ("plate", "A001"))),
        PageQuery(limit=10, camera="North", labels=(LABEL,)),
        PageQuery(limit=10, camera="North", damaged=True),
        PageQuery(limit=10, captured_since=TIME, labels=(LABEL,)),
        PageQuery(limit=10, captured_since=TIME, damaged=True),
        PageQuery(limit=10, captured_since=TIME, since=TIME),
    ],
)
def test_list_with_further_conditions_may_scan(query: PageQuery) -> None:
    assert query.may_scan
