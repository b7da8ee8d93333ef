import pytest
from PIL import ImageFont
from tests.unit.imaging.photos import encode, picture
from tests.unit.imaging.text.inks import draw_ink

from captiond.imaging import Captioner, Style
from captiond.imaging.text.fonts import bundled_font, installed_faces, load_font, load_outline_fonts
from captiond.imaging.text.shaping import TextShaper
from captiond.imaging.text.strip import draw_strip
from captiond.imaging.text.wrapping import wrap_text

HEBREW, ARABIC = "שלום", "مرحبا"
UNCOVERED = "\U0010fffd"


@pytest.fixture(scope="module")
def shaper() -> TextShaper:
    return TextShaper(load_font(None, 12))


@pytest.fixture(scope="module")
def unshaped() -> TextShaper:
    """A shaper as on a system without Raqm."""
    return TextShaper(ImageFont.truetype(bundled_font(), 12, layout_engine=ImageFont.Layout.BASIC))


@pytest.fixture(scope="module")
def _other_fonts() -> None:
    if len(list(load_outline_fonts(installed_faces(), 12))) < 2:
        pytest.skip("no font but the bundled one is installed")


def test_uncovered_character_is_a_box(shaper: TextShaper) -> None:
    run = shaper.shape(f"a{UNCOVERED}\u0301b")

    assert run.right_px > shaper.shape("ab").right_px


def test_uncovered_character_is_missing(shaper: TextShaper) -> None:
    assert shaper.find_missing(f"слово{UNCOVERED}") == (UNCOVERED,)
    assert shaper.find_missing("слово \u2003\u200b\n") == ()


def test_missing_characters_are_part_of_the_result() -> None:
    captioned = Captioner(Style()).add_caption(encode(picture()), f"a{UNCOVERED}{UNCOVERED}")

    assert captioned.missing == (UNCOVERED,)


def test_uncovered_space_is_blank(shaper: TextShaper) -> None:
    assert draw_ink(shaper.shape("\u3000")).getbbox() is None


def test_ignorable_characters_have_no_width(unshaped: TextShaper, shaper: TextShaper) -> None:
    for each in (unshaped, shaper):
        assert each.shape("сло\u200b\u2060\u00ad\u200eво").right_px == each.shape("слово").right_px


@pytest.mark.usefixtures("_other_fonts")
@pytest.mark.parametrize("text", [HEBREW, ARABIC, "☂", "a☂b", "e\u0301☂"])
def test_uncovered_character_is_drawn_in_a_fallback_font(shaper: TextShaper, text: str) -> None:
    assert shaper.find_missing(text) == ()
    assert draw_ink(shaper.shape(text)).getbbox() is not None


@pytest.mark.usefixtures("_other_fonts")
def test_hebrew_is_laid_out_right_to_left(shaper: TextShaper) -> None:
    (line,) = wrap_text("א ב ג", shaper, 640)

    left_to_right = [draw_ink(shaper.shape(letter, right_to_left=True)).tobytes() for letter in "גבא"]
    assert [draw_ink(placed.run).tobytes() for placed in line.runs] == left_to_right


@pytest.mark.usefixtures("_other_fonts")
def test_mixed_text_keeps_each_direction(shaper: TextShaper) -> None:
    (line,) = wrap_text("ab (אב) 12", shaper, 640)

    assert len(line.runs) == 5
    assert line.runs[0].run is shaper.shape("ab")
    assert draw_ink(line.runs[-1].run).tobytes() == draw_ink(shaper.shape("12")).tobytes()


@pytest.mark.usefixtures("_other_fonts")
def test_long_right_to_left_word_is_split(shaper: TextShaper) -> None:
    lines = wrap_text(HEBREW * 20, shaper, 60)

    assert "".join(line.text for line in lines) == HEBREW * 20
    assert all(line.width_px <= 60 for line in lines)


@pytest.mark.usefixtures("_other_fonts")
@pytest.mark.parametrize("text", [HEBREW, ARABIC, "ab" + HEBREW, "e\u0301" + ARABIC])
def test_right_to_left_text_is_drawn_without_raqm(unshaped: TextShaper, text: str) -> None:
    (line,) = wrap_text(text, unshaped, 640)

    assert line.runs
    assert all(draw_ink(placed.run).getbbox() for placed in line.runs)


@pytest.mark.parametrize(("alignment", "left"), [("left", 4), ("centre", 303), ("right", 602)])
def test_lines_are_aligned(shaper: TextShaper, alignment: str, left: int) -> None:
    match alignment:
        case "left" | "centre" | "right":
            strip = draw_strip("слово", 640, shaper, Style(alignment=alignment))
        case _:
            pytest.fail(alignment)

    box = strip.getbbox()
    assert box is not None
    assert box[0] == pytest.approx(left, abs=1)


def test_padding_is_on_all_sides(shaper: TextShaper) -> None:
    strip = draw_strip("слово", 640, shaper, Style(padding_px=20))

    box = strip.getbbox()
    assert strip.height == 55
    assert box is not None
    assert box[0] == pytest.approx(20, abs=1)


def test_grey_colours_give_a_grey_strip(shaper: TextShaper) -> None:
    strip = draw_strip("слово", 640, shaper, Style(text_colour="#404040", strip_colour="#c0c0c0"))

    assert strip.mode == "L"
    assert strip.getextrema() == (0x40, 0xC0)


def test_strip_has_the_colours_of_the_style(shaper: TextShaper) -> None:
    strip = draw_strip("слово", 640, shaper, Style(text_colour="yellow", strip_colour="#003060"))

    colours = {colour for _, colour in strip.getcolors(10_000) or []}
    assert strip.getpixel((0, 0)) == (0, 0x30, 0x60)
    assert (255, 255, 0) in colours


def test_invalid_colour_is_rejected() -> None:
    with pytest.raises(ValueError, match="unknown color specifier: 'нет'"):
        Style(text_colour="нет")
    with pytest.raises(ValueError, match="unknown color specifier: 'нет'"):
        Style(strip_colour="нет")
