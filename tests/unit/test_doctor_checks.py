"""The checks of `captiond doctor` that compare values."""

import pytest

from captiond.cli.checks import compare_clock, find_server_state_problems


@pytest.mark.parametrize(
    ("clock", "expected"),
    [(1000.0, None), (1007.0, None), (998.5, None), (1009.0, "4.0 s ahead of"), (990.0, "10.0 s behind")],
)
def test_clock_beyond_the_time_of_the_question_is_a_warning(clock: float, expected: str | None) -> None:
    found = [finding.detail for finding in compare_clock("Redis", clock, asked_at=1000.0, answered_at=1005.0)]

    assert len(found) == (expected is not None)
    assert all(f"the clock of Redis is {expected}" in detail for detail in found)


def test_failed_write_of_redis_is_an_error() -> None:
    [finding] = find_server_state_problems({"aof_last_write_status": "err", "rdb_last_bgsave_status": "ok"})

    assert (finding.level, finding.detail.partition(":")[0]) == ("error", "aof_last_write_status is err")


@pytest.mark.parametrize(("used", "limit", "problems"), [(89, 100, 0), (95, 100, 1), (95, 0, 0)])
def test_nearly_full_redis_is_a_warning(used: int, limit: int, problems: int) -> None:
    found = list(find_server_state_problems({"used_memory": used, "maxmemory": limit}))

    assert [finding.level for finding in found] == ["warning"] * problems
