"""Sizes and durations as text."""

import pytest

from captiond.services.api.web.languages import load_language
from captiond.services.api.web.quantities import format_ago, format_bytes, format_duration


@pytest.mark.parametrize(
    ("value", "english", "russian"),
    [
        (0, "0 B", "0 Б"),
        (1023, "1,023 B", "1\xa0023 Б"),
        (1024, "1 KiB", "1 КиБ"),
        (12_600, "12.3 KiB", "12,3 КиБ"),
        (1_048_575, "1 MiB", "1 МиБ"),
        (300 << 20, "300 MiB", "300 МиБ"),
        (5 << 50, "5,120 TiB", "5\xa0120 ТиБ"),
    ],
)
def test_size_has_the_largest_suitable_unit(value: int, english: str, russian: str) -> None:
    assert format_bytes(value, load_language("en")) == english
    assert format_bytes(value, load_language("ru")) == russian


def test_durations_are_translated() -> None:
    assert format_duration(0.2, load_language("en")) == "0 sec"
    assert format_duration(7200, load_language("ru")) == "2 ч"
    assert format_ago(0.2, load_language("en")) == "1 second ago"
    assert format_ago(120, load_language("ru")) == "2 минуты назад"
