import pytest
from PIL import ImageFont
from tests.unit.imaging.photos import encode, picture

from captiond.imaging import Captioner, Style
from captiond.imaging.text.fonts import bundled_font, installed_faces, load_font, load_outlines
from captiond.imaging.text.shaping import Typesetter
from captiond.imaging.text.strip import draw_strip
from captiond.imaging.text.wrapping import wrap_text

HEBREW, ARABIC = "שלום", "مرحبا"
IN_NO_FONT = "\U0010fffd"


@pytest.fixture(scope="module")
def typesetter() -> Typesetter:
    return Typesetter(load_font(None, 12))


@pytest.fixture(scope="module")
def unshaped() -> Typesetter:
    """A typesetter as it is where Pillow has no Raqm."""
    return Typesetter(ImageFont.truetype(bundled_font(), 12, layout_engine=ImageFont.Layout.BASIC))


@pytest.fixture(scope="module")
def _other_fonts() -> None:
    if len(list(load_outlines(installed_faces(), 12))) < 2:
        pytest.skip("no font is installed beside the bundled one")


def test_what_no_font_has_is_a_box(typesetter: Typesetter) -> None:
    word = typesetter.set_word(f"a{IN_NO_FONT}\u0301b")

    assert word.right_px > typesetter.set_word("ab").right_px


def test_what_no_font_has_is_reported(typesetter: Typesetter) -> None:
    assert typesetter.find_missing(f"слово{IN_NO_FONT}") == (IN_NO_FONT,)
    assert typesetter.find_missing("слово \u2003\u200b\n") == ()


def test_the_report_is_part_of_the_result() -> None:
    captioned = Captioner(Style()).add_caption(encode(picture()), f"a{IN_NO_FONT}{IN_NO_FONT}")

    assert captioned.missing == (IN_NO_FONT,)


def test_a_space_that_the_font_lacks_is_a_space(typesetter: Typesetter) -> None:
    assert typesetter.set_word("\u3000").ink.getbbox() is None


def test_invisible_characters_take_no_room(unshaped: Typesetter, typesetter: Typesetter) -> None:
    for setter in (unshaped, typesetter):
        assert setter.set_word("сло\u200b\u2060\u00ad\u200eво").right_px == setter.set_word("слово").right_px


@pytest.mark.usefixtures("_other_fonts")
@pytest.mark.parametrize("text", [HEBREW, ARABIC, "☂", "a☂b", "e\u0301☂"])
def test_what_the_font_lacks_is_drawn_from_another(typesetter: Typesetter, text: str) -> None:
    assert typesetter.find_missing(text) == ()
    assert typesetter.set_word(text).ink.getbbox() is not None


@pytest.mark.usefixtures("_other_fonts")
def test_hebrew_runs_from_right_to_left(typesetter: Typesetter) -> None:
    (line,) = wrap_text("א ב ג", typesetter, 640)

    left_to_right = [typesetter.set_word(letter, right_to_left=True).ink.tobytes() for letter in "גבא"]
    assert [placed.word.ink.tobytes() for placed in line.words] == left_to_right


@pytest.mark.usefixtures("_other_fonts")
def test_mixed_text_keeps_each_direction(typesetter: Typesetter) -> None:
    (line,) = wrap_text("ab (אב) 12", typesetter, 640)

    assert len(line.words) == 5
    assert line.words[0].word is typesetter.set_word("ab")
    assert line.words[-1].word.ink.tobytes() == typesetter.set_word("12").ink.tobytes()


@pytest.mark.usefixtures("_other_fonts")
def test_a_long_word_from_right_to_left_is_cut_too(typesetter: Typesetter) -> None:
    lines = wrap_text(HEBREW * 20, typesetter, 60)

    assert "".join(line.text for line in lines) == HEBREW * 20
    assert all(line.width_px <= 60 for line in lines)


@pytest.mark.usefixtures("_other_fonts")
@pytest.mark.parametrize("text", [HEBREW, ARABIC, "ab" + HEBREW, "e\u0301" + ARABIC])
def test_without_shaping_text_still_runs_its_way(unshaped: Typesetter, text: str) -> None:
    (line,) = wrap_text(text, unshaped, 640)

    assert line.words
    assert all(placed.word.ink.getbbox() for placed in line.words)


@pytest.mark.parametrize(("alignment", "left"), [("left", 4), ("centre", 303), ("right", 602)])
def test_lines_are_aligned(typesetter: Typesetter, alignment: str, left: int) -> None:
    match alignment:
        case "left" | "centre" | "right":
            strip = draw_strip("слово", 640, typesetter, Style(alignment=alignment))
        case _:
            pytest.fail(alignment)

    box = strip.getbbox()
    assert box is not None
    assert box[0] == pytest.approx(left, abs=1)


def test_padding_is_on_all_sides(typesetter: Typesetter) -> None:
    strip = draw_strip("слово", 640, typesetter, Style(padding_px=20))

    box = strip.getbbox()
    assert strip.height == 55
    assert box is not None
    assert box[0] == pytest.approx(20, abs=1)


def test_grey_colours_need_no_chroma(typesetter: Typesetter) -> None:
    strip = draw_strip("слово", 640, typesetter, Style(text_colour="#404040", strip_colour="#c0c0c0"))

    assert strip.mode == "L"
    assert strip.getextrema() == (0x40, 0xC0)


def test_colours_are_those_of_the_style(typesetter: Typesetter) -> None:
    strip = draw_strip("слово", 640, typesetter, Style(text_colour="yellow", strip_colour="#003060"))

    colours = {colour for _, colour in strip.getcolors(10_000) or []}
    assert strip.getpixel((0, 0)) == (0, 0x30, 0x60)
    assert (255, 255, 0) in colours


def test_what_is_no_colour_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown color specifier: 'нет'"):
        Style(text_colour="нет")
    with pytest.raises(ValueError, match="unknown color specifier: 'нет'"):
        Style(strip_colour="нет")
