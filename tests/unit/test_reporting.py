"""Where benchmarks put their tables."""

from pathlib import Path

import pytest
from benchmarks.reporting import fill

PAGE = "before\n<!-- a: begin -->\nold\n<!-- a: end -->\nbetween\n<!-- b: begin -->\n<!-- b: end -->\nafter\n"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    file = tmp_path / "page.md"
    file.write_text(PAGE, encoding="utf-8")
    return file


def test_only_what_is_between_a_mark_is_replaced(page: Path) -> None:
    fill(page, "a", "new, 5 µs")

    assert page.read_text("utf-8") == PAGE.replace("old", "new, 5 µs")


def test_a_page_can_be_filled_again(page: Path) -> None:
    for text in ("first", "second"):
        fill(page, "b", text)

    assert page.read_text("utf-8") == PAGE.replace("<!-- b: begin -->\n", "<!-- b: begin -->\nsecond\n")


def test_a_page_without_the_mark_stays_as_it_is(page: Path) -> None:
    with pytest.raises(ValueError, match="unpack"):
        fill(page, "c", "new")

    assert page.read_text("utf-8") == PAGE
