"""The filters of the archive view: parsed from its query string, shown in its form, and kept in its links."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from captiond.archive import PageQuery
from captiond.archive.records import DESCRIPTION_LENGTH, Cursor
from captiond.image import LABEL_NAME, MAX_CAMERA_CHARACTERS, MAX_LABEL_CHARACTERS, MAX_LABELS, YEARS
from captiond.names import normalize_name
from captiond.services.api.http.paging import parse_label
from captiond.services.api.web.marking import mark as _

_YES_NO = {"yes": True, "no": False}
_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Preset(NamedTuple):
    """A range of days. `name` is to be translated."""

    name: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class FilterForm:
    """The fields as entered, and the error of each invalid one, to be translated. An empty field is no filter."""

    values: Mapping[str, str]
    labels: tuple[str, ...] = ()
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, parameters: QueryParams) -> "FilterForm":
        """Read the query string. Ignores unknown parameters."""
        values = {name: _clean(parameters.get(name, "")) for name in _CHECKS}
        labels = tuple(filter(None, map(_clean, parameters.getlist("label"))))
        found = {name: check(values[name]) for name, check in _CHECKS.items() if values[name]}
        found["label"] = _check_labels(labels)
        errors = {name: error for name, error in found.items() if error}
        if values["from"] and values["to"] and not errors.keys() & {"from", "to"} and values["from"] > values["to"]:
            errors["to"] = _("The last day is before the first day.")
        return cls(values, labels, errors)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The fields that are not empty."""
        texts = [(name, value) for name, value in self.values.items() if value]
        return [*texts, *(("label", label) for label in self.labels)]

    def suffix(self, **more: str) -> str:
        """The query string of a link that keeps the filters, with its question mark."""
        query = urlencode([*self.pairs, *more.items()])
        return f"?{query}" if query else ""

    def to_query(self, zone: tzinfo, limit: int = 1, before: Cursor | None = None) -> PageQuery:
        """Convert valid fields. A day starts and ends at midnight in `zone`."""
        first, last = _parse_date(self.values["from"]), _parse_date(self.values["to"])
        return PageQuery(
            limit=limit,
            before=before,
            text=self.values["q"] or None,
            since=_midnight(first, zone) if first else None,
            until=_midnight(last + timedelta(days=1), zone) if last else None,
            damaged=_YES_NO.get(self.values["damaged"]),
            reencoded=_YES_NO.get(self.values["reencoded"]),
            camera=self.values["camera"] or None,
            labels=tuple(parse_label(label) for label in self.labels),
        )

    def api_parameters(self, zone: tzinfo) -> str:
        """The same filters as the query string of `GET /api/images`."""
        return urlencode(self.api_pairs(zone))

    def api_pairs(self, zone: tzinfo) -> list[tuple[str, str]]:
        """The same filters as parameters of `GET /api/images` and `GET /api/export.zip`."""
        query = self.to_query(zone)
        times = {"from": query.since, "to": query.until}
        flags = {"damaged": query.damaged, "reencoded": query.reencoded}
        return [
            *((name, value) for name, value in self.pairs if name not in times | flags),
            *((name, moment.isoformat()) for name, moment in times.items() if moment),
            *((name, str(flag).lower()) for name, flag in flags.items() if flag is not None),
        ]

    def with_days(self, first: date, last: date) -> "FilterForm":
        """Replace the range of days."""
        return FilterForm({**self.values, "from": f"{first}", "to": f"{last}"}, self.labels)


def list_presets(now: datetime, zone: tzinfo) -> tuple[Preset, ...]:
    """Return the usual ranges of days, as of `now` in `zone`."""
    today = now.astimezone(zone).date()
    yesterday = today - timedelta(days=1)
    return (
        Preset(_("Today"), today, today),
        Preset(_("Yesterday"), yesterday, yesterday),
        Preset(_("Last 7 days"), today - timedelta(days=6), today),
        Preset(_("This month"), today.replace(day=1), today),
    )


def _clean(text: str) -> str:
    """Convert to the form of stored names: NFC without U+0000, which PostgreSQL rejects."""
    return normalize_name(text.replace("\0", ""))


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _parse_date(text: str) -> date | None:
    """Return None for no date, and for an invalid one."""
    if not _DATE.fullmatch(text):
        return None
    try:
        parsed = date.fromisoformat(text)
    except ValueError:
        return None
    return parsed if parsed.year in YEARS else None


def _check_text(text: str) -> str | None:
    return _("Search for at most 200 characters.") if len(text) > DESCRIPTION_LENGTH else None


def _check_date(text: str) -> str | None:
    return None if _parse_date(text) else _("Enter a date in the form YYYY-MM-DD, from 1900 to 9998.")


def _check_camera(text: str) -> str | None:
    return _("The name of a camera has at most 64 characters.") if len(text) > MAX_CAMERA_CHARACTERS else None


def _check_choice(text: str) -> str | None:
    return None if text in _YES_NO else _("Choose one of the options.")


def _check_labels(labels: tuple[str, ...]) -> str | None:
    if len(labels) > MAX_LABELS:
        return _("Filter by at most 16 labels.")
    pairs = [parse_label(label) for label in labels]
    if any(":" not in label for label in labels) or not all(LABEL_NAME.fullmatch(name) for name, _value in pairs):
        return _("Enter a label as NAME:VALUE. A name has lowercase letters, digits and underscores.")
    if any(len(value) > MAX_LABEL_CHARACTERS for _name, value in pairs):
        return _("The value of a label has at most 200 characters.")
    return None


_CHECKS: dict[str, Callable[[str], str | None]] = {
    "q": _check_text,
    "from": _check_date,
    "to": _check_date,
    "camera": _check_camera,
    "damaged": _check_choice,
    "reencoded": _check_choice,
}
