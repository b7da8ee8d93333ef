import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import ImageFont

from captiond.imaging.text.fonts import load_font
from captiond.imaging.text.segmentation import clean_text, split_clusters
from captiond.imaging.text.shaping import Typesetter
from captiond.imaging.text.wrapping import wrap_text

LONG_WORD = "Превысокомногорассмотрительствующий"
texts = st.text(max_size=60) | st.text(alphabet="аbЙ .-\n日👩🏽\u200d\u0301\u00a0", max_size=60)


@pytest.fixture(scope="module")
def typesetter() -> Typesetter:
    return Typesetter(load_font(None, 12))


@settings(deadline=None)
@given(text=texts, width_px=st.integers(1, 200))
@example(text="", width_px=1)
@example(text="   a", width_px=1)
def test_nothing_of_the_text_is_lost(typesetter: Typesetter, text: str, width_px: int) -> None:
    lines = wrap_text(text, typesetter, width_px)

    assert "".join(line.text for line in lines) == clean_text(text).replace("\n", "")


@settings(deadline=None)
@given(text=texts, width_px=st.integers(1, 200))
def test_only_a_single_cluster_is_wider_than_the_strip(typesetter: Typesetter, text: str, width_px: int) -> None:
    for line in wrap_text(text, typesetter, width_px):
        assert line.width_px <= width_px or len(split_clusters(line.text.strip(" "))) <= 1


@settings(deadline=None)
@given(text=texts, width_px=st.integers(1, 200))
def test_no_ink_lies_left_of_the_line(typesetter: Typesetter, text: str, width_px: int) -> None:
    for line in wrap_text(text, typesetter, width_px):
        assert all(placed.pen_px + placed.word.left_px >= 0 for placed in line.words)


@settings(deadline=None)
@given(text=texts)
def test_without_hurry_only_hard_breaks_break(typesetter: Typesetter, text: str) -> None:
    lines = wrap_text(text, typesetter, 100_000)

    assert [line.text for line in lines] == clean_text(text).split("\n")


def test_a_long_word_starts_a_line_of_its_own_and_fills_each(typesetter: Typesetter) -> None:
    lines = wrap_text(f"не {LONG_WORD}", typesetter, 60)

    assert lines[0].text == "не "
    assert all(line.width_px > 60 - 15 for line in lines[1:-1])


def test_spaces_hang_over_the_end_of_a_line(typesetter: Typesetter) -> None:
    width_px = typesetter.set_word("слово").right_px

    assert [line.text for line in wrap_text("слово    слово", typesetter, width_px)] == ["слово    ", "слово"]


def test_spaces_hang_over_the_end_of_a_line_from_right_to_left(typesetter: Typesetter) -> None:
    (line,), (shorter,) = wrap_text("א ב   ", typesetter, 640), wrap_text("א ב", typesetter, 640)

    assert line.text == "א ב   "
    assert line.width_px == shorter.width_px


def test_lines_are_filled_as_pillow_measures_them(typesetter: Typesetter) -> None:
    font = ImageFont.truetype(load_font(None, 12).path, 12, layout_engine=ImageFont.Layout.BASIC)
    text = "Превышение скорости: 87 при 60, полоса 2, улица Ленина, дом 5"

    for line in wrap_text(text, typesetter, 150):
        assert line.width_px == pytest.approx(font.getlength(line.text.rstrip()), abs=1)
