"""The comparison of `make guard`."""

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
def test_count_near_its_record_passes(counted: int) -> None:
    assert judge(counted) is Verdict.AS_RECORDED
    assert not judge(counted).fails


def test_count_above_110_percent_fails() -> None:
    assert judge(1_100_001) is Verdict.SLOWER
    assert judge(1_100_001).fails


def test_count_below_95_percent_passes_and_asks_for_a_new_record() -> None:
    assert judge(949_999) is Verdict.FASTER
    assert not judge(949_999).fails
    assert "make guard-record" in judge(949_999).value


def test_only_doubled_count_fails_with_another_python() -> None:
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
def test_margin_grows_with_differing_conditions(found: dict[str, str], margin: Margin) -> None:
    recorded = {"machine": "x86_64 avx avx2", "python": "3.11.7", "valgrind": "3.19"}

    assert choose_margin(recorded, recorded | found) == margin


def test_missing_record_gives_the_widest_margin() -> None:
    assert choose_margin({}, {"machine": "x86_64", "python": "3.11.7"}) == ELSEWHERE


def test_path_without_a_record_fails() -> None:
    [finding] = compare({}, {"new": 1}, AS_RECORDED)

    assert finding.verdict is Verdict.NOT_RECORDED
    assert finding.verdict.fails


def test_one_slower_path_among_others_fails() -> None:
    findings = compare({"one": RECORDED, "other": RECORDED}, {"one": RECORDED, "other": 1_300_000}, AS_RECORDED)

    assert [(finding.name, finding.verdict.fails) for finding in findings] == [("one", False), ("other", True)]
    assert findings[1].change == pytest.approx(0.3)


def test_differences_name_both_versions() -> None:
    assert differences({"python": "3.11.7"}, {"python": "3.11.7"}) == []
    assert differences({"python": "3.11.7"}, {"python": "3.13.1"}) == ["python is 3.13.1, recorded with 3.11.7"]
    assert differences({}, {"libc": "2.36"}) == ["libc is 2.36, recorded with unknown"]


def test_cost_excludes_start_and_end_of_a_run() -> None:
    path = HotPath("path", "", warm_up=0, few=10, many=30)

    assert path.cost(500 + 10 * 7, 500 + 30 * 7) == 7


def test_record_survives_writing_and_reading(tmp_path: Path) -> None:
    record = Record({"python": "3.11.7"}, {"path": 7})

    write_record(record, tmp_path / "record.json")

    assert read_record(tmp_path / "record.json") == record
    assert read_record(tmp_path / "none.json") == Record({}, {})


def test_repository_has_a_record_of_every_hot_path() -> None:
    assert list(read_record().instructions) == [path.name for path in HOT_PATHS]
