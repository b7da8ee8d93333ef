import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont
from tests.unit.imaging.text.inks import draw_ink

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


@pytest.mark.parametrize("invisible", ["\u115f", "\u1160", "\u3164", "\uffa0", "\U000e0001"])
def test_invisible_characters_draw_no_box(shaper: TextShaper, invisible: str) -> None:
    assert draw_strip(invisible, 640, shaper, Style()).getbbox() is None
    drawn = draw_strip(f"A123 {invisible} BC77", 640, shaper, Style()).tobytes()
    assert drawn == draw_strip("A123  BC77", 640, shaper, Style()).tobytes()


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

    assert sum(strip.tobytes()) == sum(draw_ink(run).tobytes())


@pytest.mark.parametrize("text", ["Й", "gjpqy", "|", "fW", "\u1eaa\u0301\u0301\u0301", "g\u0323\u0323\u0323"])
@pytest.mark.parametrize("size_px", [6, 12, 40])
def test_run_contains_all_its_ink(text: str, size_px: int) -> None:
    font = load_font(None, size_px)
    run = TextShaper(font).shape(text)
    wide = Image.new("L", (20 * size_px, 20 * size_px))
    ImageDraw.Draw(wide).text((10 * size_px, 10 * size_px), text, fill=255, font=font, anchor="ls")

    assert sum(draw_ink(run).tobytes()) == pytest.approx(sum(wide.tobytes()), rel=0.02)


def test_padding_shrinks_in_a_narrow_photo(shaper: TextShaper) -> None:
    strip = draw_strip("Щ Щ", 16, shaper, Style())

    assert strip.size == (16, 2 * PADDING_PX + 2 * (ASCENT_PX + DESCENT_PX))
    assert strip.getbbox() == (1, 7, 12, 33)


def test_photo_of_one_pixel_width_is_captioned(shaper: TextShaper) -> None:
    assert draw_strip("ой", 1, shaper, Style()).size == (1, 2 * PADDING_PX + 2 * (ASCENT_PX + DESCENT_PX))


@pytest.mark.parametrize(
    ("text", "width_px", "drawn"),
    [
        ("пере\u00adдви\u00adже\u00adние", 60, "передви-\nжение"),
        ("пере\u00adдви\u00adже\u00adние", 100, "передвижение"),
        ("слово пере\u00adдвижение", 80, "слово пере-\nдвижение"),
        ("слово пере\u00adдвижение", 70, "слово\nпере-\nдвижение"),
        ("слово\u00ad слово", 45, "слово\nслово"),
        ("слово\u00ad\nслово\u00ad", 100, "слово\nслово"),
        ("\u00adслово\u00ad", 100, "слово"),
        ("слово\u00ad\u00adслово", 60, "слово-\nслово"),
        ("W\u00adW", 16, "W\nW"),
        ("\u05d0\u05d1\u05d2 \u05d0\u05d1\u00ad\u05d0\u05d1", 50, "\u05d0\u05d1\u05d2 \u05d0\u05d1-\n\u05d0\u05d1"),
    ],
)
def test_hyphen_is_drawn_where_the_line_breaks_at_a_soft_hyphen(
    shaper: TextShaper, text: str, width_px: int, drawn: str
) -> None:
    strip = draw_strip(text, width_px, shaper, Style())

    assert strip.tobytes() == draw_strip(drawn, width_px, shaper, Style()).tobytes()


@settings(deadline=None, max_examples=30)
@given(text=st.text(alphabet="aWй-\u00ad \n", max_size=30), width_px=st.integers(1, 200))
def test_soft_hyphens_do_not_change_lines_that_do_not_break(text: str, width_px: int) -> None:
    shaper = TextShaper(load_font(None, 12))
    plain = draw_strip(text.replace("\u00ad", ""), 1000, shaper, Style())

    assert draw_strip(text, 1000, shaper, Style()).tobytes() == plain.tobytes()
    assert draw_strip(text, width_px, shaper, Style()).width == width_px


@pytest.mark.parametrize("control", "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u206a\u206f")
@pytest.mark.parametrize(
    "text", ["Номер: {}A123BC77 конец", "{}12:30 {}{}A", "a{}b\u05d0{}\u05d1 12{}", "\u0627{}\u0628{}\u062a (7)"]
)
def test_bidi_controls_do_not_reorder_the_caption(shaper: TextShaper, control: str, text: str) -> None:
    drawn = draw_strip(text.replace("{}", control), 640, shaper, Style())

    assert drawn.tobytes() == draw_strip(text.replace("{}", ""), 640, shaper, Style()).tobytes()


@pytest.mark.parametrize("text", ["A{}12_34", "{}12_34 56", "12 {}34", "\u00e9{}1_2{}", "日{}12_34"])
@pytest.mark.parametrize("mark", ["\u200e", "\u200f", "\u061c"])
def test_directional_marks_do_not_reorder_left_to_right_text(shaper: TextShaper, mark: str, text: str) -> None:
    drawn = draw_strip(text.replace("{}", mark), 640, shaper, Style())

    assert drawn.tobytes() == draw_strip(text.replace("{}", ""), 640, shaper, Style()).tobytes()


@pytest.mark.parametrize("base", ["a", "\u05d0", "\u25cc", "日", "🚦", ""])
@pytest.mark.parametrize("marks", ["\u0301", "\u0323", "\u0301\u0323", "\u20dd", "\u0363\u0336"])
@pytest.mark.parametrize("size_px", [6, 60])
def test_height_is_bounded_for_stacked_marks(base: str, marks: str, size_px: int) -> None:
    shaper = TextShaper(load_font(None, size_px))
    line_px = shaper.ascent_px + shaper.descent_px

    one, many = (draw_strip(base + marks * count, 2000, shaper, Style()) for count in (1, 199 // len(marks)))

    assert many.height <= 2 * PADDING_PX + 3 * line_px
    assert many.getbbox() is not None
    assert one.height <= many.height
