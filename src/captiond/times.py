"""Times as text."""

from datetime import UTC, datetime


def rfc3339(time: datetime) -> str:
    """Return a time in UTC with microseconds (RFC 3339), such as `2026-11-23T22:31:00.123456Z`, for programs."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def show_time(time: datetime | None) -> str:
    """Return a time in UTC to the second, such as `2026-11-23 22:31:00Z`, for people; `never` for None."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z" if time else "never"
