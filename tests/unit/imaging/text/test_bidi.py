"""Hebrew letters stand for Bidi_Class R, Arabic ones for AL. The examples are from UAX #9 and usual captions."""

import pytest

from captiond.imaging.text.bidi import reorder, resolve_levels

R, AL = "\u05d0\u05d1\u05d2", "\u0627\u0628\u062a"


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        (f"a {R} b", "0011100"),
        (f"{R} a {R}", "111121111"),
        (f"{R} 12", "111122"),
        (f"a {R} 12", "00111122"),
        (f"{R} 1,2", "1111222"),
        (f"{R} 1,a", "1111212"),
        (f"{R} 5%", "111122"),
        (f"{R} %5", "111122"),
        (f"{R} %", "11111"),
        (f"{AL} 5%", "111121"),
        (f"{AL} 1,2", "1111222"),
        (f"{AL} 1+2", "1111212"),
        (f"{R} 1+2", "1111222"),
        (f"a{R} b 5", "0111" + "0000"),
        (f"\u0301{R}", "1111"),
        (f"{R}\u05b0\u200f{R}", "11111111"),
        (f"{R}\ue000", "1112"),
        (f"({R})", "11111"),
        (f"a ({R})", "0001110"),
        (f"a ({R}) 12", "0001110022"),
        (f"{R} (a) [b]", "11111211121"),
        (f"a {R} (b {R}) {R}", "00111000011100111"),
        (f"a] {R}", "000111"),
        (f"{R} ()", "111111"),
        (f"{R} ([)", "1111111"),
        (f"a {R} ({R})", "00111111111"),
    ],
)
def test_levels_follow_uax9(text: str, levels: str) -> None:
    assert "".join(map(str, resolve_levels(text) or [])) == levels


@pytest.mark.parametrize("text", ["", "abc", "Привет, 12!", "日本語"])
def test_left_to_right_text_has_no_levels(text: str) -> None:
    assert resolve_levels(text) is None


@pytest.mark.parametrize(
    ("levels", "order"),
    [("000", [0, 1, 2]), ("111", [2, 1, 0]), ("0110", [0, 2, 1, 3]), ("11221", [4, 2, 3, 1, 0]), ("02", [0, 1])],
)
def test_line_is_reordered_by_level(levels: str, order: list[int]) -> None:
    runs = list(enumerate(map(int, levels)))

    assert [at for at, _ in reorder(runs, lambda run: run[1])] == order
