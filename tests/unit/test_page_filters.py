"""The filters of the archive view."""

from datetime import UTC, date, datetime
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import pytest
from starlette.datastructures import QueryParams

from captiond.services.api.web.filters import FilterForm, list_presets

NEW_YORK = ZoneInfo("America/New_York")


def parse(query: str) -> FilterForm:
    return FilterForm.parse(QueryParams(query))


def test_empty_fields_are_no_filters() -> None:
    form = parse("q=&from=&to=&camera=+&label=&damaged=&reencoded=&unknown=1")

    assert (form.pairs, form.errors, form.suffix()) == ([], {}, "")


def test_fields_are_kept_in_links() -> None:
    form = parse("q=ворота+3&label=speed:83&label=plate:A%261&damaged=yes")

    assert FilterForm.parse(QueryParams(form.suffix()[1:])) == form
    assert ("before", "1_x") in parse_qsl(form.suffix(before="1_x")[1:])


def test_days_start_at_midnight_in_the_zone_across_the_change_of_the_clocks() -> None:
    query = parse("from=2026-11-01&to=2026-11-01").to_query(NEW_YORK)

    assert query.since == datetime(2026, 11, 1, 4, tzinfo=UTC)
    assert query.until == datetime(2026, 11, 2, 5, tzinfo=UTC)


def test_api_parameters_select_the_same_images() -> None:
    form = parse("q=a%26b&from=2026-07-01&to=2026-07-02&camera=gate&label=speed:83&damaged=no&reencoded=yes")

    assert dict(parse_qsl(form.api_parameters(NEW_YORK))) == {
        "q": "a&b",
        "from": "2026-07-01T04:00:00+00:00",
        "to": "2026-07-03T04:00:00+00:00",
        "camera": "gate",
        "label": "speed:83",
        "damaged": "false",
        "reencoded": "true",
    }


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("q=" + "a" * 201, "q"),
        ("from=2026-02-30", "from"),
        ("from=20260201", "from"),
        ("to=9999-12-31", "to"),
        ("from=0001-01-01", "from"),
        ("from=2026-02-02&to=2026-02-01", "to"),
        ("camera=" + "a" * 65, "camera"),
        ("label=speed", "label"),
        ("label=Speed:1", "label"),
        ("label=speed:" + "1" * 201, "label"),
        ("&".join(["label=a:1"] * 17), "label"),
        ("damaged=maybe", "damaged"),
        ("reencoded=1", "reencoded"),
    ],
)
def test_invalid_field_has_an_error_and_keeps_its_value(query: str, field: str) -> None:
    form = parse(query)

    assert list(form.errors) == [field]
    assert dict(form.pairs)[field]


def test_names_are_normalised() -> None:
    form = parse("camera=Cafe%CC%81&label=place:Cafe%CC%81")

    assert form.pairs == [("camera", "Caf\u00e9"), ("label", "place:Caf\u00e9")]


def test_u0000_is_removed() -> None:
    assert parse("q=a%00b&label=x:%001").pairs == [("q", "ab"), ("label", "x:1")]


@pytest.mark.parametrize(
    ("zone", "today"), [("Pacific/Kiritimati", date(2026, 3, 1)), ("Pacific/Pago_Pago", date(2026, 2, 27))]
)
def test_presets_are_those_of_the_zone(zone: str, today: date) -> None:
    presets = {
        preset.name: (preset.first, preset.last)
        for preset in list_presets(datetime(2026, 2, 28, 10, 30, tzinfo=UTC), ZoneInfo(zone))
    }

    assert presets["Today"] == (today, today)
    assert presets["Yesterday"] == (date.fromordinal(today.toordinal() - 1),) * 2
    assert presets["Last 7 days"] == (date.fromordinal(today.toordinal() - 6), today)
    assert presets["This month"] == (today.replace(day=1), today)
