"""Reads periods such as `90d` and sizes such as `500G`."""

import re
from datetime import timedelta

_PERIOD = re.compile(r"(\d{1,5})([hdw])", re.ASCII)
_HOURS = {"h": 1, "d": 24, "w": 7 * 24}
_SIZE = re.compile(r"(\d{1,15})([KMGT]?)", re.ASCII)
_FACTORS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def parse_period(text: str) -> timedelta | None:
    """Return hours, days or weeks, such as `36h`, `90d` or `2w`; None for other texts."""
    found = _PERIOD.fullmatch(text)
    return timedelta(hours=int(found[1]) * _HOURS[found[2]]) if found else None


def parse_size(text: str) -> int | None:
    """Return bytes, such as `1000`, or `500G` for 500 GiB; None for other texts."""
    found = _SIZE.fullmatch(text)
    return int(found[1]) * _FACTORS[found[2]] if found else None
