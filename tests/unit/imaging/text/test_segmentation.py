import pytest
import regex  # type: ignore[import-untyped]  # ships no types
from hypothesis import example, given, settings
from hypothesis import strategies as st
from uniseg.linebreak import line_break_units  # type: ignore[import-untyped]  # ships no types

from captiond.imaging.text.segmentation import clean_text, split_clusters, split_units

COMMON = 'абвйёщАЙ abcxyz019.,:;!?()«»"\u2026-\u2014/№%\u00a0\u200b\u0301日。「」👩🏽\u200d🇷🇺ا\u05d0'
SIMPLE = 'абЙzA09  .,:;!?()«»"\u2026'
texts = st.one_of(*(st.text(alphabet, max_size=40) for alphabet in (st.characters(), COMMON, SIMPLE)))


@settings(deadline=None)
@given(text=texts)
@example(text="« a » ( b ) 12:30, км/ч — и — всё…")
def test_units_concatenate_to_the_text(text: str) -> None:
    paragraph = clean_text(text).replace("\n", "")

    units = split_units(paragraph)

    assert "".join(unit.text + " " * unit.spaces for unit in units) == paragraph


@settings(deadline=None)
@given(text=texts)
@example(text="a ́b")
def test_units_end_where_uax14_and_uax29_allow(text: str) -> None:
    paragraph = clean_text(text).replace("\n", "")
    clusters = _ends(regex.findall(r"\X", paragraph))

    allowed = _ends(line_break_units(paragraph)) & clusters

    assert _ends(unit.text + " " * unit.spaces for unit in split_units(paragraph)) == allowed


def test_no_break_space_prevents_a_break() -> None:
    assert [unit.text for unit in split_units("7\u00a0км ч")] == ["7\u00a0км", "ч"]


def test_line_ends_become_line_feeds() -> None:
    assert clean_text("a\r\nb\rc\nd\x0be\x0cf\x85g\u2028h\u2029i") == "a\nb\nc\nd\ne\nf\ng\nh\ni"


def test_controls_but_tabs_are_removed() -> None:
    assert clean_text("a\tb\x00\x1b\x7f\x9fc") == "a\tbc"


@pytest.mark.parametrize(
    "character", [*map(chr, (*range(9), *range(11, 32), *range(127, 160), 0x2028, 0x2029, 0xD800, 0xDFFF))]
)
def test_control_character_is_removed_or_replaced(character: str) -> None:
    assert character not in clean_text(f"a{character}b")


def test_lone_surrogate_becomes_the_replacement_character() -> None:
    assert clean_text("a\ud800b") == "a\ufffdb"


def test_combining_mark_is_composed() -> None:
    assert clean_text("И\u0306") == "Й"


@pytest.mark.parametrize("cluster", ["e\u0301\u0323", "👩🏽\u200d🚀", "🇷🇺", "각", "क्षि"])
def test_grapheme_cluster_is_not_split(cluster: str) -> None:
    assert split_clusters(f"a{cluster}b") == ["a", cluster, "b"]


def _ends(texts: object) -> set[int]:
    assert hasattr(texts, "__iter__")
    ends: set[int] = set()
    end = 0
    for text in texts:
        end += len(text)
        ends.add(end)
    return ends
