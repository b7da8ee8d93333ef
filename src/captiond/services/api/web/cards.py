"""The images of the archive view, as its HTML and its JSON show them."""

from dataclasses import dataclass

from captiond.archive import StoredImage
from captiond.services.api.web.filters import FilterForm
from captiond.services.api.web.highlights import Part, split_at_hits
from captiond.services.api.web.rendering import PageView

THUMBNAIL_SIDE_PX = 320


@dataclass(frozen=True, slots=True)
class Card:
    """One image. `badges` are pairs of a text and its style. `width` and `height` are those of the thumbnail."""

    id: str
    href: str
    parts: tuple[Part, ...]
    time: str
    utc: str
    width: int
    height: int
    camera: str | None
    badges: tuple[tuple[str, str], ...]


def make_card(image: StoredImage, form: FilterForm, page: PageView) -> Card:
    """Format an image in the language and the time zone of the page."""
    longest = max(image.width, image.height, THUMBNAIL_SIDE_PX)
    return Card(
        id=str(image.id),
        href=page.url(f"/images/{image.id}") + form.suffix(),
        parts=split_at_hits(image.description, form.values["q"]),
        time=page.time(image.received_at),
        utc=page.utc(image.received_at),
        width=max(1, round(image.width * THUMBNAIL_SIDE_PX / longest)),
        height=max(1, round(image.height * THUMBNAIL_SIDE_PX / longest)),
        camera=image.camera,
        badges=tuple(_badges(image, page)),
    )


def _badges(image: StoredImage, page: PageView) -> list[tuple[str, str]]:
    gettext = page.language.translations.gettext
    badges = []
    if image.held:
        badges.append((gettext("Held"), "held"))
    if image.is_damaged:
        badges.append((gettext("Damaged"), "bad"))
    if image.reencode_reason is not None:
        badges.append((gettext("Re-encoded"), "warning"))
    return badges
