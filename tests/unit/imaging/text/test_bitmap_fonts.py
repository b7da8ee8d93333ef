import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import ImageFont
from tests.unit.imaging.bitmap_fonts import FAMILY, GLYPH, Tables, cbdt_tables, collection, sbix_tables, sfnt
from tests.unit.imaging.photos import decode, encode, picture
from tests.unit.imaging.text.inks import draw_ink

from captiond.imaging import Captioner, FontNotFound, Style
from captiond.imaging.text.bitmap_fonts import BitmapFont, draw_bitmap_run
from captiond.imaging.text.fallback import is_emoji
from captiond.imaging.text.fonts import installed_faces, load_bitmap_fonts, load_font
from captiond.imaging.text.shaping import TextShaper
from captiond.imaging.text.strip import draw_strip
from captiond.imaging.text.wrapping import wrap_text

UNCOVERED = "\U0010fffd"
TEXT_STYLE, EMOJI_STYLE = "\ufe0e", "\ufe0f"
RED = (255, 0, 0)
SEQUENCES = ["🦔", "👨‍👩‍👧‍👦", "👩🏽‍🚒", "👍🏽", "🇷🇺", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "1️⃣", "❤️", "❤️‍🔥", "◽"]


@pytest.fixture(params=[cbdt_tables, sbix_tables])
def square(fonts: Path, request: pytest.FixtureRequest) -> Path:
    """The only font but the bundled one: a red square for an emoji, with strikes of 20 and 40 px."""
    file = fonts / "square.ttf"
    file.write_bytes(sfnt(request.param(20, 40)))
    return file


@pytest.fixture(scope="module")
def noto_file() -> Path:
    """The emoji font of this machine, found before a test hides it."""
    found = [face.path for face in installed_faces() if face.strikes_px and face.family == "Noto Color Emoji"]
    if not found:
        why = "no bitmap font Noto Color Emoji is installed (Debian: fonts-noto-color-emoji)"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    return found[0]


@pytest.fixture
def noto(noto_file: Path, fonts: Path) -> TextShaper:
    """A shaper with this emoji font and the bundled font only."""
    (fonts / noto_file.name).symlink_to(noto_file)
    return TextShaper(load_font(None, 12))


@pytest.mark.usefixtures("square")
@pytest.mark.parametrize("size_px", [12, 20, 33, 60])
def test_glyph_is_scaled_to_the_font_size_on_the_baseline(size_px: int) -> None:
    run = TextShaper(load_font(None, size_px)).shape(GLYPH)

    (glyph,) = run.colour_glyphs
    assert (run.advance_px, glyph.left_px, glyph.top_px, run.bottom_px) == (size_px, 0, -size_px, 0)
    assert {color for _, color in glyph.image.getcolors() or []} == {(*RED, 255)}


@pytest.mark.parametrize("tables", [cbdt_tables, sbix_tables])
def test_each_face_of_a_collection_has_its_own_strikes(fonts: Path, tables: Callable[..., Tables]) -> None:
    (fonts / "squares.ttc").write_bytes(collection(tables(40, 10), tables(109)))

    assert [face.strikes_px for face in installed_faces() if face.family == FAMILY] == [(10, 40), (109,)]


@pytest.mark.parametrize("tables", [cbdt_tables, sbix_tables])
def test_truncated_font_has_no_other_strikes(fonts: Path, tables: Callable[..., Tables]) -> None:
    whole = sfnt(tables(20, 40))
    for length in range(0, len(whole), 10):
        (fonts / "square.ttf").write_bytes(whole[:length])

        assert {size for face in installed_faces() for size in face.strikes_px} <= {20, 40}


@pytest.mark.usefixtures("square")
@pytest.mark.parametrize(("size_px", "strike_px"), [(12, 20), (20, 20), (21, 40), (60, 40)])
def test_next_larger_strike_is_scaled_down(size_px: int, strike_px: int) -> None:
    (font,) = load_bitmap_fonts(installed_faces(), size_px)

    assert font.strike.size == strike_px
    assert font.scale == size_px / strike_px


@pytest.mark.usefixtures("square")
def test_glyph_keeps_its_colours_in_the_strip() -> None:
    strip = draw_strip(f"слово {GLYPH}", 640, TextShaper(load_font(None, 12)), Style(strip_colour="#003060"))

    colours = {colour for _, colour in strip.getcolors(10_000) or []}
    assert {RED, (0, 0x30, 0x60), (255, 255, 255)} <= colours


@pytest.mark.usefixtures("square")
def test_strip_without_colour_glyphs_is_grey() -> None:
    assert draw_strip("a", 640, TextShaper(load_font(None, 12)), Style()).mode == "L"


@pytest.mark.usefixtures("square")
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_strip_with_colour_glyphs_is_spliced(mode: str) -> None:
    captioned = Captioner(Style()).add_caption(encode(picture(mode=mode)), GLYPH)

    assert captioned.reencode_reason is None
    assert decode(captioned.jpeg).mode == mode


@pytest.mark.usefixtures("square")
def test_covered_emoji_is_not_missing() -> None:
    captioned = Captioner(Style()).add_caption(encode(picture()), f"слово {GLYPH} {UNCOVERED}")

    assert captioned.missing == (UNCOVERED,)


@pytest.mark.usefixtures("square")
def test_lines_break_at_the_scaled_width() -> None:
    lines = wrap_text(GLYPH * 12, TextShaper(load_font(None, 12)), 5 * 12)

    assert [line.text for line in lines] == [GLYPH * 5, GLYPH * 5, GLYPH * 2]
    assert [line.width_px for line in lines] == [60, 60, 24]


@pytest.mark.usefixtures("square")
def test_colour_glyphs_are_positioned_within_a_word() -> None:
    shaper = TextShaper(load_font(None, 12))
    before_px = shaper.shape("(").advance_px

    run = shaper.shape(f"({GLYPH}{GLYPH})")

    assert [glyph.left_px for glyph in run.colour_glyphs] == [before_px, before_px + 12]
    assert run.advance_px == before_px + 24 + shaper.shape(")").advance_px


@pytest.mark.usefixtures("square")
def test_first_glyph_is_rightmost_in_right_to_left_text() -> None:
    run = TextShaper(load_font(None, 12)).shape(GLYPH + UNCOVERED, right_to_left=True)

    (glyph,) = run.colour_glyphs
    assert glyph.left_px == run.advance_px - 12


def test_font_with_invalid_bitmaps_covers_nothing(square: Path) -> None:
    square.write_bytes(square.read_bytes().replace(b"IDAT", b"DATA"))

    assert TextShaper(load_font(None, 12)).find_missing(GLYPH) == (GLYPH,)


def test_variation_selector_has_no_width_without_raqm(fonts: Path) -> None:
    (fonts / "square.ttf").write_bytes(sfnt(cbdt_tables(20)))
    shaper = TextShaper(ImageFont.truetype(fonts / "square.ttf", 20, layout_engine=ImageFont.Layout.BASIC))

    assert shaper.shape(GLYPH + EMOJI_STYLE).advance_px == 20


@pytest.mark.usefixtures("square")
@pytest.mark.parametrize("invisible", [EMOJI_STYLE, TEXT_STYLE, "\u200d"])
def test_ignorable_character_alone_is_empty(invisible: str) -> None:
    run = TextShaper(load_font(None, 12)).shape(invisible)

    assert (run.advance_px, run.right_px, run.bottom_px - run.top_px) == (0, 0, 0)


def test_glyph_without_ink_is_empty(square: Path) -> None:
    run = draw_bitmap_run(BitmapFont(ImageFont.truetype(square, 20), 0.5), "a")

    assert (run.advance_px, run.bottom_px - run.top_px) == (10, 0)


def test_bitmap_font_cannot_be_configured(square: Path) -> None:
    with pytest.raises(FontNotFound, match="no font named") as caught:
        load_font(FAMILY, 12)
    assert FAMILY not in str(caught.value).partition("installed families: ")[2]

    with pytest.raises(FontNotFound, match="cannot load font file "):
        load_font(str(square), 12)


@pytest.mark.parametrize("cluster", [*SEQUENCES, f"☂{EMOJI_STYLE}", f"©{EMOJI_STYLE}"])
def test_emoji_presentation_is_detected(cluster: str) -> None:
    assert is_emoji(cluster)


@pytest.mark.parametrize(
    "cluster", ["1", "#", f"7{EMOJI_STYLE}", f"#{EMOJI_STYLE}", "7\u20e3", "☂", "©", f"🦔{TEXT_STYLE}", "а", "日"]
)
def test_text_presentation_is_detected(cluster: str) -> None:
    assert not is_emoji(cluster)


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_emoji_sequence_is_one_glyph(noto: TextShaper, sequence: str) -> None:
    run = noto.shape(sequence)

    (glyph,) = run.colour_glyphs
    assert noto.find_missing(sequence) == ()
    assert run.advance_px == 15
    assert (glyph.top_px, run.bottom_px) == (-12, 3)
    assert glyph.image.getbbox() is not None


def test_variation_selector_selects_text_or_emoji(noto: TextShaper) -> None:
    assert noto.shape(f"©{EMOJI_STYLE}").colour_glyphs
    assert not noto.shape(f"©{TEXT_STYLE}").colour_glyphs
    assert not noto.shape("©").colour_glyphs


def test_emoji_in_text_style_falls_back_to_the_bitmap_font(noto: TextShaper) -> None:
    assert noto.shape(f"🦔{TEXT_STYLE}").colour_glyphs


def test_partly_covered_sequence_is_a_box(noto: TextShaper) -> None:
    cluster = "👨\u200d\U0001faff"

    assert noto.find_missing(cluster) == (cluster,)
    assert noto.shape(cluster).colour_glyphs == ()
    assert draw_ink(noto.shape(cluster)).getbbox() is not None


def test_glyph_is_cached(noto: TextShaper) -> None:
    (first,), (again, _) = noto.shape("🦔").colour_glyphs, noto.shape("🦔🇷🇺").colour_glyphs

    assert first.image is again.image
