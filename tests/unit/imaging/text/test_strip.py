import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from captiond.imaging.style import Style
from captiond.imaging.text.fonts import load_font
from captiond.imaging.text.segmentation import clean_text
from captiond.imaging.text.shaping import TextShaper
from captiond.imaging.text.strip import draw_strip

CAPTION = "С начала фазы запрещающего сигнала прошло: 7 секунд"
ASCENT_PX, DESCENT_PX, PADDING_PX = 12, 3, 4


@pytest.fixture(scope="module")
def shaper() -> TextShaper:
    return TextShaper(load_font(None, 12))


@pytest.mark.parametrize("lines", [1, 2, 7])
def test_height_grows_with_the_lines(shaper: TextShaper, lines: int) -> None:
    strip = draw_strip("\n".join(["слово"] * lines), 640, shaper, Style())

    assert strip.size == (640, 2 * PADDING_PX + lines * (ASCENT_PX + DESCENT_PX))


@pytest.mark.parametrize("size_px", [6, 12, 33, 100])
def test_height_grows_with_the_font_size(size_px: int) -> None:
    font = load_font(None, size_px)

    strip = draw_strip("слово", 2000, TextShaper(font), Style())

    assert strip.height == 2 * PADDING_PX + sum(font.getmetrics())


def test_empty_caption_is_one_black_line(shaper: TextShaper) -> None:
    strip = draw_strip("", 640, shaper, Style())

    assert strip.size == (640, 23)
    assert strip.getbbox() is None


def test_text_is_white_on_black(shaper: TextShaper) -> None:
    strip = draw_strip(CAPTION, 640, shaper, Style())

    assert strip.getextrema() == (0, 255)
    assert strip.getpixel((0, 0)) == 0


def test_text_equals_pillows(shaper: TextShaper) -> None:
    font = ImageFont.truetype(load_font(None, 12).path, 12, layout_engine=ImageFont.Layout.BASIC)
    expected = Image.new("L", (640, 23))
    origin = (PADDING_PX, PADDING_PX + ASCENT_PX)
    ImageDraw.Draw(expected).text(origin, CAPTION, fill=255, font=font, anchor="ls")

    assert draw_strip(CAPTION, 640, shaper, Style()).tobytes() == expected.tobytes()


@settings(deadline=None)
@given(text=st.text(alphabet="ЙЁjgpqyfWÅẪ̈́ΐÇ", max_size=30), size_px=st.integers(5, 60))
def test_no_ink_is_clipped(text: str, size_px: int) -> None:
    shaper = TextShaper(load_font(None, size_px))
    run = shaper.shape(clean_text(text))

    strip = draw_strip(text, run.right_px + 100, shaper, Style())

    assert sum(strip.tobytes()) == sum(run.ink.tobytes())


@pytest.mark.parametrize("text", ["Й", "gjpqy", "|", "fW", "\u1eaa\u0301\u0301\u0301", "g\u0323\u0323\u0323"])
@pytest.mark.parametrize("size_px", [6, 12, 40])
def test_run_contains_all_its_ink(text: str, size_px: int) -> None:
    font = load_font(None, size_px)
    run = TextShaper(font).shape(text)
    wide = Image.new("L", (20 * size_px, 20 * size_px))
    ImageDraw.Draw(wide).text((10 * size_px, 10 * size_px), text, fill=255, font=font, anchor="ls")

    assert sum(run.ink.tobytes()) == pytest.approx(sum(wide.tobytes()), rel=0.02)


def test_padding_shrinks_in_a_narrow_photo(shaper: TextShaper) -> None:
    strip = draw_strip("Щ Щ", 16, shaper, Style())

    assert strip.size == (16, 2 * PADDING_PX + 2 * (ASCENT_PX + DESCENT_PX))
    assert strip.getbbox() == (1, 7, 12, 33)


def test_photo_of_one_pixel_width_is_captioned(shaper: TextShaper) -> None:
    assert draw_strip("ой", 1, shaper, Style()).size == (1, 2 * PADDING_PX + 2 * (ASCENT_PX + DESCENT_PX))
