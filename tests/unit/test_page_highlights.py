"""Hits of a search in a description, which agree with what the archive finds."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from captiond.archive.records import fold
from captiond.services.api.web.highlights import split_at_hits


@pytest.mark.parametrize(
    ("text", "searched", "marked"),
    [
        ("Въезд 3, въезд 4", "ВЪЕЗД", "[Въезд] 3, [въезд] 4"),
        ("Straße", "STRASSE", "[Straße]"),
        ("Straße", "s", "[S]tra[ß]e"),  # half of what ß is folded to
        ("Straße", "as", "Str[aß]e"),
        ("cafe\u0301 noir", "CAFÉ", "[cafe\u0301] noir"),
        ("cafe\u0301", "cafe", "cafe\u0301"),
        ("aaa", "aa", "[aa]a"),
        ("<b>&amp;</b>", "&amp;", "<b>[&amp;]</b>"),
        ("gate", "gates", "gate"),
        ("gate", "", "gate"),
        ("", "gate", ""),
        ("ﬁre at ﬁve", "FI", "[ﬁ]re at [ﬁ]ve"),
    ],
)
def test_hits_are_marked(text: str, searched: str, marked: str) -> None:
    parts = split_at_hits(text, searched)

    assert "".join(f"[{part}]" if is_hit else part for part, is_hit in parts) == marked


LETTERS = st.text(st.sampled_from("aAsSßẞeé\u0301\u0327ЁёЕе\u0308ﬁfiİi\u0307 각\u1100\u1161\u11a8"), max_size=12)


@given(LETTERS, LETTERS)
@example("e\u0327\u0301", "é")
def test_parts_join_to_the_text_and_hits_contain_the_search(text: str, searched: str) -> None:
    parts = split_at_hits(text, searched)

    assert "".join(part for part, _ in parts) == text
    assert all(part for part, _ in parts)
    is_found = bool(fold(searched)) and fold(searched) in fold(text)
    assert any(is_hit for _, is_hit in parts) is is_found
