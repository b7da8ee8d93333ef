import os
from pathlib import Path

import pytest
from PIL import ImageFont
from tests.unit.imaging.bitmap_fonts import FAMILY, GLYPH, cbdt_tables, sbix_tables, sfnt
from tests.unit.imaging.photos import decode, encode, picture

from captiond.imaging import Captioner, FontNotFound, Style
from captiond.imaging.text.bitmap_fonts import BitmapFont, draw_bitmaps
from captiond.imaging.text.fallback import is_emoji
from captiond.imaging.text.fonts import installed_faces, load_bitmaps, load_font
from captiond.imaging.text.shaping import Typesetter
from captiond.imaging.text.strip import draw_strip
from captiond.imaging.text.wrapping import wrap_text

IN_NO_FONT = "\U0010fffd"
TEXT_STYLE, EMOJI_STYLE = "\ufe0e", "\ufe0f"
RED = (255, 0, 0)
SEQUENCES = ["🦔", "👨‍👩‍👧‍👦", "👩🏽‍🚒", "👍🏽", "🇷🇺", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "1️⃣", "❤️", "❤️‍🔥", "◽"]


@pytest.fixture(params=[cbdt_tables, sbix_tables])
def square(fonts: Path, request: pytest.FixtureRequest) -> Path:
    """The only font beside the bundled one: a red square for an emoji, in 20 and 40 px."""
    file = fonts / "square.ttf"
    file.write_bytes(sfnt(request.param(20, 40)))
    return file


@pytest.fixture(scope="module")
def noto_file() -> Path:
    """The emoji font of this machine, looked for before a test hides it."""
    found = [face.path for face in installed_faces() if face.strikes_px and face.family == "Noto Color Emoji"]
    if not found:
        why = "no Noto Color Emoji made of bitmaps is installed (Debian: fonts-noto-color-emoji)"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    return found[0]


@pytest.fixture
def noto(noto_file: Path, fonts: Path) -> Typesetter:
    """A typesetter that has this emoji font and no other beside the bundled one."""
    (fonts / noto_file.name).symlink_to(noto_file)
    return Typesetter(load_font(None, 12))


@pytest.mark.usefixtures("square")
@pytest.mark.parametrize("size_px", [12, 20, 33, 60])
def test_a_glyph_is_scaled_to_the_font_size_and_stands_on_the_baseline(size_px: int) -> None:
    word = Typesetter(load_font(None, size_px)).set_word(GLYPH)

    (glyph,) = word.pictures
    assert (word.advance_px, glyph.left_px, glyph.top_px, word.bottom_px) == (size_px, 0, -size_px, 0)
    assert {color for _, color in glyph.image.getcolors() or []} == {(*RED, 255)}


@pytest.mark.usefixtures("square")
@pytest.mark.parametrize(("size_px", "strike_px"), [(12, 20), (20, 20), (21, 40), (60, 40)])
def test_a_strike_is_reduced_rather_than_enlarged(size_px: int, strike_px: int) -> None:
    (font,) = load_bitmaps(installed_faces(), size_px)

    assert font.strike.size == strike_px
    assert font.scale == size_px / strike_px


@pytest.mark.usefixtures("square")
def test_glyphs_keep_their_colours_in_the_strip() -> None:
    strip = draw_strip(f"слово {GLYPH}", 640, Typesetter(load_font(None, 12)), Style(strip_colour="#003060"))

    colours = {colour for _, colour in strip.getcolors(10_000) or []}
    assert {RED, (0, 0x30, 0x60), (255, 255, 255)} <= colours


@pytest.mark.usefixtures("square")
def test_a_strip_without_them_stays_grey() -> None:
    assert draw_strip("a", 640, Typesetter(load_font(None, 12)), Style()).mode == "L"


@pytest.mark.usefixtures("square")
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_photo_is_spliced_with_them_as_with_text(mode: str) -> None:
    captioned = Captioner(Style()).add_caption(encode(picture(mode=mode)), GLYPH)

    assert captioned.reencode_reason is None
    assert decode(captioned.jpeg).mode == mode


@pytest.mark.usefixtures("square")
def test_nothing_is_reported_missing_but_what_is() -> None:
    captioned = Captioner(Style()).add_caption(encode(picture()), f"слово {GLYPH} {IN_NO_FONT}")

    assert captioned.missing == (IN_NO_FONT,)


@pytest.mark.usefixtures("square")
def test_lines_are_broken_by_the_scaled_width() -> None:
    lines = wrap_text(GLYPH * 12, Typesetter(load_font(None, 12)), 5 * 12)

    assert [line.text for line in lines] == [GLYPH * 5, GLYPH * 5, GLYPH * 2]
    assert [line.width_px for line in lines] == [60, 60, 24]


@pytest.mark.usefixtures("square")
def test_within_a_word_each_has_its_place() -> None:
    typesetter = Typesetter(load_font(None, 12))
    before_px = typesetter.set_word("(").advance_px

    word = typesetter.set_word(f"({GLYPH}{GLYPH})")

    assert [glyph.left_px for glyph in word.pictures] == [before_px, before_px + 12]
    assert word.advance_px == before_px + 24 + typesetter.set_word(")").advance_px


@pytest.mark.usefixtures("square")
def test_from_right_to_left_the_first_is_at_the_right() -> None:
    word = Typesetter(load_font(None, 12)).set_word(GLYPH + IN_NO_FONT, right_to_left=True)

    (glyph,) = word.pictures
    assert glyph.left_px == word.advance_px - 12


def test_a_broken_bitmap_is_as_good_as_none(square: Path) -> None:
    square.write_bytes(square.read_bytes().replace(b"IDAT", b"DATA"))

    assert Typesetter(load_font(None, 12)).find_missing(GLYPH) == (GLYPH,)


def test_without_shaping_selectors_and_joiners_take_no_room(fonts: Path) -> None:
    (fonts / "square.ttf").write_bytes(sfnt(cbdt_tables(20)))
    typesetter = Typesetter(ImageFont.truetype(fonts / "square.ttf", 20, layout_engine=ImageFont.Layout.BASIC))

    assert typesetter.set_word(GLYPH + EMOJI_STYLE).advance_px == 20


@pytest.mark.usefixtures("square")
@pytest.mark.parametrize("invisible", [EMOJI_STYLE, TEXT_STYLE, "\u200d"])
def test_a_selector_on_its_own_is_nothing(invisible: str) -> None:
    word = Typesetter(load_font(None, 12)).set_word(invisible)

    assert (word.advance_px, word.ink.size) == (0, (0, 0))


def test_what_has_no_ink_is_an_empty_picture(square: Path) -> None:
    word = draw_bitmaps(BitmapFont(ImageFont.truetype(square, 20), 0.5), "a")

    assert (word.advance_px, word.ink.height) == (10, 0)


def test_captions_are_not_set_in_such_a_font(square: Path) -> None:
    for name in (FAMILY, str(square)):
        with pytest.raises(FontNotFound) as caught:
            load_font(name, 12)

        assert FAMILY not in caught.value.families


@pytest.mark.parametrize("cluster", [*SEQUENCES, f"☂{EMOJI_STYLE}", f"©{EMOJI_STYLE}"])
def test_an_emoji_is_known_by_its_characters_or_its_selector(cluster: str) -> None:
    assert is_emoji(cluster)


@pytest.mark.parametrize("cluster", ["1", "#", "☂", "©", f"🦔{TEXT_STYLE}", "а", "日"])
def test_text_is_no_emoji(cluster: str) -> None:
    assert not is_emoji(cluster)


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_a_sequence_is_one_glyph(noto: Typesetter, sequence: str) -> None:
    word = noto.set_word(sequence)

    (glyph,) = word.pictures
    assert noto.find_missing(sequence) == ()
    assert word.advance_px == 15
    assert (glyph.top_px, word.bottom_px) == (-12, 3)
    assert glyph.image.getbbox() is not None


def test_a_selector_chooses_between_text_and_emoji(noto: Typesetter) -> None:
    assert noto.set_word(f"©{EMOJI_STYLE}").pictures
    assert not noto.set_word(f"©{TEXT_STYLE}").pictures
    assert not noto.set_word("©").pictures


def test_an_emoji_asked_for_as_text_is_better_than_a_box(noto: Typesetter) -> None:
    assert noto.set_word(f"🦔{TEXT_STYLE}").pictures


def test_a_sequence_that_the_font_lacks_a_part_of_is_a_box(noto: Typesetter) -> None:
    cluster = "👨\u200d\U0001faff"

    assert noto.find_missing(cluster) == (cluster,)
    assert noto.set_word(cluster).pictures == ()
    assert noto.set_word(cluster).ink.getbbox() is not None


def test_a_glyph_is_drawn_once(noto: Typesetter) -> None:
    (first,), (again, _) = noto.set_word("🦔").pictures, noto.set_word("🦔🇷🇺").pictures

    assert first.image is again.image
