"""Results of benchmarks in documents."""

from pathlib import Path

import pytest
from benchmarks.reporting import fill

PAGE = "before\n<!-- a: begin -->\nold\n<!-- a: end -->\nbetween\n<!-- b: begin -->\n<!-- b: end -->\nafter\n"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    file = tmp_path / "page.md"
    file.write_text(PAGE, encoding="utf-8")
    return file


def test_fill_replaces_only_the_text_between_the_marks(page: Path) -> None:
    fill(page, "a", "new, 5 µs")

    assert page.read_text("utf-8") == PAGE.replace("old", "new, 5 µs")


def test_fill_replaces_earlier_results(page: Path) -> None:
    for text in ("first", "second"):
        fill(page, "b", text)

    assert page.read_text("utf-8") == PAGE.replace("<!-- b: begin -->\n", "<!-- b: begin -->\nsecond\n")


def test_fill_leaves_a_page_without_the_mark_unchanged(page: Path) -> None:
    with pytest.raises(ValueError, match="must contain"):
        fill(page, "c", "new")

    assert page.read_text("utf-8") == PAGE
