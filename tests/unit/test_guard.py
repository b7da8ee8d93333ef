"""The comparison behind `make guard`; what it measures with is not needed here."""

from pathlib import Path

import pytest
from benchmarks.guard.compare import (
    AS_RECORDED,
    ELSEWHERE,
    NEARBY,
    Margin,
    Verdict,
    choose_margin,
    compare,
    differences,
)
from benchmarks.guard.hot_paths import HOT_PATHS, HotPath
from benchmarks.guard.record import Record, read_record, write_record

RECORDED = 1_000_000


def judge(counted: int, margin: Margin = AS_RECORDED) -> Verdict:
    [finding] = compare({"path": RECORDED}, {"path": counted}, margin)
    return finding.verdict


@pytest.mark.parametrize("counted", [950_000, 998_000, RECORDED, 1_002_000, 1_100_000])
def test_a_count_near_its_record_passes(counted: int) -> None:
    assert judge(counted) is Verdict.AS_RECORDED
    assert not judge(counted).fails


def test_a_path_that_takes_more_than_a_tenth_more_fails() -> None:
    assert judge(1_100_001) is Verdict.SLOWER
    assert judge(1_100_001).fails


def test_a_path_that_takes_much_less_passes_and_asks_for_a_new_record() -> None:
    assert judge(949_999) is Verdict.FASTER
    assert not judge(949_999).fails
    assert "make guard-record" in judge(949_999).value


def test_with_another_python_only_twice_as_much_fails() -> None:
    assert judge(1_100_001, ELSEWHERE) is Verdict.AS_RECORDED
    assert judge(500_000, ELSEWHERE) is Verdict.AS_RECORDED
    assert judge(2_000_001, ELSEWHERE) is Verdict.SLOWER


@pytest.mark.parametrize(
    ("found", "margin"),
    [
        ({}, AS_RECORDED),
        ({"python": "3.11.9"}, NEARBY),
        ({"valgrind": "3.20"}, NEARBY),
        ({"python": "3.13.7"}, ELSEWHERE),
        ({"machine": "x86_64 avx"}, ELSEWHERE),
    ],
)
def test_the_margin_is_wider_the_more_differs(found: dict[str, str], margin: Margin) -> None:
    recorded = {"machine": "x86_64 avx avx2", "python": "3.11.7", "valgrind": "3.19"}

    assert choose_margin(recorded, recorded | found) == margin


def test_without_a_record_nothing_is_the_same() -> None:
    assert choose_margin({}, {"machine": "x86_64", "python": "3.11.7"}) == ELSEWHERE


def test_a_path_without_a_record_fails() -> None:
    [finding] = compare({}, {"new": 1}, AS_RECORDED)

    assert finding.verdict is Verdict.NOT_RECORDED
    assert finding.verdict.fails


def test_one_slower_path_is_found_among_others() -> None:
    findings = compare({"one": RECORDED, "other": RECORDED}, {"one": RECORDED, "other": 1_300_000}, AS_RECORDED)

    assert [(finding.name, finding.verdict.fails) for finding in findings] == [("one", False), ("other", True)]
    assert findings[1].change == pytest.approx(0.3)


def test_other_versions_are_named_with_those_of_the_record() -> None:
    assert differences({"python": "3.11.7"}, {"python": "3.11.7"}) == []
    assert differences({"python": "3.11.7"}, {"python": "3.13.1"}) == ["python is 3.13.1, recorded with 3.11.7"]
    assert differences({}, {"libc": "2.36"}) == ["libc is 2.36, recorded with unknown"]


def test_what_begins_and_ends_a_run_is_no_part_of_the_cost() -> None:
    path = HotPath("path", "", warm_up=0, few=10, many=30)

    assert path.cost(500 + 10 * 7, 500 + 30 * 7) == 7


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    record = Record({"python": "3.11.7"}, {"path": 7})

    write_record(record, tmp_path / "record.json")

    assert read_record(tmp_path / "record.json") == record
    assert read_record(tmp_path / "none.json") == Record({}, {})


def test_the_repository_has_a_record_of_every_hot_path() -> None:
    assert list(read_record().instructions) == [path.name for path in HOT_PATHS]
