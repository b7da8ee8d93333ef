import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import ImageFont

from captiond.imaging.text.fonts import load_font
from captiond.imaging.text.segmentation import clean_text, split_clusters
from captiond.imaging.text.shaping import TextShaper
from captiond.imaging.text.wrapping import wrap_text

LONG_WORD = "Превысокомногорассмотрительствующий"
any_texts = st.text(max_size=60) | st.text(alphabet="аbЙ .-\n\t日👩🏽\u200d\u0301\u00a0", max_size=60)
texts = any_texts.map(lambda text: text.replace("\t", " "))  # without columns


@pytest.fixture(scope="module")
def shaper() -> TextShaper:
    return TextShaper(load_font(None, 12))


@settings(deadline=None)
@given(text=texts, width_px=st.integers(1, 200))
@example(text="", width_px=1)
@example(text="   a", width_px=1)
def test_lines_concatenate_to_the_text(shaper: TextShaper, text: str, width_px: int) -> None:
    lines = wrap_text(text, shaper, width_px)

    assert "".join(line.text for line in lines) == clean_text(text).replace("\n", "")


@settings(deadline=None)
@given(text=any_texts, width_px=st.integers(1, 200))
@example(text="\t", width_px=1)
@example(text="0\N{SOFT HYPHEN}", width_px=1)
def test_only_a_single_cluster_exceeds_the_width(shaper: TextShaper, text: str, width_px: int) -> None:
    for line in wrap_text(text, shaper, width_px):
        visible = line.text.strip(" ").removesuffix("\N{SOFT HYPHEN}")  # a soft hyphen belongs to the cluster before it
        assert line.width_px <= width_px or len(split_clusters(visible)) <= 1


@settings(deadline=None)
@given(text=any_texts, width_px=st.integers(1, 200))
def test_no_ink_is_left_of_the_line(shaper: TextShaper, text: str, width_px: int) -> None:
    for line in wrap_text(text, shaper, width_px):
        assert all(placed.pen_px + placed.run.left_px >= 0 for placed in line.runs)


@settings(deadline=None)
@given(text=texts)
def test_wide_strip_breaks_at_hard_breaks_only(shaper: TextShaper, text: str) -> None:
    lines = wrap_text(text, shaper, 100_000)

    assert [line.text for line in lines] == clean_text(text).split("\n")


def test_long_word_starts_a_new_line_and_fills_it(shaper: TextShaper) -> None:
    lines = wrap_text(f"не {LONG_WORD}", shaper, 60)

    assert lines[0].text == "не "
    assert all(line.width_px > 60 - 15 for line in lines[1:-1])


def test_trailing_spaces_overhang(shaper: TextShaper) -> None:
    width_px = shaper.shape("слово").right_px

    assert [line.text for line in wrap_text("слово    слово", shaper, width_px)] == ["слово    ", "слово"]


def test_trailing_spaces_overhang_in_right_to_left_text(shaper: TextShaper) -> None:
    (line,), (shorter,) = wrap_text("א ב   ", shaper, 640), wrap_text("א ב", shaper, 640)

    assert line.text == "א ב   "
    assert line.width_px == shorter.width_px


def test_line_width_equals_pillows(shaper: TextShaper) -> None:
    font = ImageFont.truetype(load_font(None, 12).path, 12, layout_engine=ImageFont.Layout.BASIC)
    text = "Превышение скорости: 87 при 60, полоса 2, улица Ленина, дом 5"

    for line in wrap_text(text, shaper, 150):
        assert line.width_px == pytest.approx(font.getlength(line.text.rstrip()), abs=1)


def test_columns_share_a_line_where_both_fit(shaper: TextShaper) -> None:
    [line] = wrap_text("Камера 7\t83 км/ч", shaper, 200)

    assert line.text == "Камера 7\t83 км/ч"
    assert line.width_px == 200
    assert line.runs[0].pen_px == 0


def test_columns_follow_each_other_where_they_do_not_fit(shaper: TextShaper) -> None:
    width_px = shaper.shape("Камера").right_px + shaper.shape("скорость").right_px

    assert [line.text for line in wrap_text("Камера\tскорость", shaper, width_px)] == ["Камера", "скорость"]


@pytest.mark.parametrize(("text", "expected"), [("Камера\t", "Камера\t"), ("\tКамера", "\tКамера"), ("\t", "\t")])
def test_empty_column_takes_no_line(shaper: TextShaper, text: str, expected: str) -> None:
    assert [line.text for line in wrap_text(text, shaper, 200)] == [expected]


def test_further_tabs_of_a_line_are_spaces(shaper: TextShaper) -> None:
    assert [line.text for line in wrap_text("a\tb\tc", shaper, 200)] == ["a\tb    c"]
