"""The settings of events of cameras."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from captiond.image import Labels, ReceivedImage
from captiond.settings import Settings
from captiond.wiring.api import make_ingest_options

IMAGE = ReceivedImage(
    id=UUID(int=1),
    received_at=datetime(2026, 11, 26, tzinfo=UTC),
    captured_at=datetime(2026, 11, 26, 7, 45, 1, tzinfo=UTC),
    description="",
    upload_sha256=b"",
    camera="Lenina 12",
    labels=Labels(plate="A001MP77", event="ANPR"),
)


def test_times_of_descriptions_are_in_the_configured_zone() -> None:
    options = make_ingest_options(
        Settings(timezone="Europe/Moscow", hikvision_description="H {captured_at}", dahua_description="D {captured_at}")
    )

    assert options.hikvision.fill(IMAGE) == "H 2026-11-26 10:45:01"
    assert options.dahua.fill(IMAGE) == "D 2026-11-26 10:45:01"
    assert str(options.zone) == "Europe/Moscow"


def test_default_description_has_the_known_fields() -> None:
    assert make_ingest_options(Settings()).dahua.fill(IMAGE) == "A001MP77 · ANPR · Lenina 12 · 2026-11-26 07:45:01"


@pytest.mark.parametrize(("choice", "only_main"), [("all", False), ("main", True)])
def test_pictures_are_chosen_by_the_setting(choice: str, *, only_main: bool) -> None:
    settings = Settings.model_validate({"camera_pictures": choice})

    assert make_ingest_options(settings).only_main_picture is only_main
