"""How long and how many images are stored, as settings give it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from captiond.image import MAX_CAMERA_CHARACTERS
from captiond.names import normalize_name
from captiond.operations.quantities import parse_period, parse_size

UNLIMITED = "off"
# Control characters, and the lone surrogates of bytes that are not UTF-8.
_UNUSABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Limits:
    """How long images are stored, and how many bytes of them. None is no limit."""

    age: timedelta | None = None
    max_bytes: int | None = None


CameraLimits: TypeAlias = Mapping[str, Limits | None]


def parse_limits(text: str) -> Limits:
    """Parse an age, a size or both, such as `90d`, `500G` or `90d+500G`; `off` stands for none. Raises ValueError."""
    parts = [part.strip() for part in text.split("+")] if text.strip() not in ("", UNLIMITED) else []
    ages = [period for part in parts if (period := parse_period(part)) is not None]
    sizes = [size for part in parts if (size := parse_size(part)) is not None]
    # Zero would delete every image at once.
    if len(ages) + len(sizes) != len(parts) or len(ages) > 1 or len(sizes) > 1 or not all((*ages, *sizes)):
        raise ValueError(f"{text!r} is neither an age nor a size nor both; use for example 90d, 500G or 90d+500G")
    return Limits(next(iter(ages), None), next(iter(sizes), None))


def parse_camera_limits(text: str) -> dict[str, Limits | None]:
    """Parse `CAMERA=LIMITS,…`, such as `gate=365d,yard=7d+50G,lab=off`. Raises ValueError."""
    found: dict[str, Limits | None] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        text, equals, limits = entry.rpartition("=")
        name = normalize_name(text)
        if not equals or not name or not limits.strip() or name in found:
            raise ValueError(f"{entry!r} is not CAMERA=LIMITS with a new name; use for example gate=365d,yard=7d+50G")
        if len(name) > MAX_CAMERA_CHARACTERS or _UNUSABLE.search(name):
            rule = f"at most {MAX_CAMERA_CHARACTERS} characters, no control characters, and UTF-8"
            raise ValueError(f"{name!r} cannot be the name of a camera, which has {rule}")
        found[name] = None if limits.strip() == UNLIMITED else parse_limits(limits)
    return found
