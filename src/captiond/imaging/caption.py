"""Captions a photo: splices the strip, or re-encodes the photo where that is impossible."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from zlib import crc32

from PIL import Image

from captiond.imaging.errors import BadImage, JpegError, NotSpliceable, TooManySegments
from captiond.imaging.jpeg.damage import UNCHECKED, find_damage
from captiond.imaging.jpeg.exif import read_orientation
from captiond.imaging.jpeg.header import read_header
from captiond.imaging.jpeg.segments import APP1, normalise_ends
from captiond.imaging.limits import require_at_most, require_few_segments
from captiond.imaging.placement import place
from captiond.imaging.reencode.reencode import reencode
from captiond.imaging.splice.other_side import splice_at_side
from captiond.imaging.splice.progressive import splice_progressive
from captiond.imaging.splice.splice import Spliced, splice
from captiond.imaging.style import Style
from captiond.imaging.text.fonts import load_font
from captiond.imaging.text.segmentation import clean_text
from captiond.imaging.text.shaping import TextShaper
from captiond.imaging.text.strip import draw_strip
from captiond.patch import Patch


@dataclass(frozen=True, slots=True)
class Captioned:
    """A captioned JPEG, as a patch of the uploaded photo, and its size in pixels with the strip.

    `width` and `height` are those of the picture as viewers show it, turned by its Exif orientation.
    """

    photo: bytes = field(repr=False)
    patch: Patch = field(repr=False)
    width: int
    height: int
    reencode_reason: str | None = None
    """Why the photo was re-encoded; None: it was captioned losslessly and can be restored."""
    missing: tuple[str, ...] = ()
    """Grapheme clusters that no installed font covers; replacement boxes stand for them."""
    damage: str | None = UNCHECKED
    """The first fault in the compressed data of the photo. None: it is intact. "unchecked": not checked."""

    @property
    def jpeg(self) -> bytes:
        """The captioned file. Each access applies the patch."""
        return self.patch.apply_unchecked(self.photo)


class Captioner:
    """Captions photos in one style. Caches fonts and glyphs, so create one per process."""

    def __init__(self, style: Style) -> None:
        """Load the font. Raises FontNotFound."""
        self._style = style
        self._shaper = TextShaper(load_font(style.font_name, style.font_size_px))

    def draw(self, text: str, width_px: int) -> Image.Image:
        """Draw the strip for a photo of this viewed width, as high as the text needs.

        The mode is L or RGB. Raises BadImage for a strip over `max_pixels`.
        """
        return draw_strip(text, width_px, self._shaper, self._style)

    def add_caption(self, jpeg: bytes, text: str, digest: bytes | None = None) -> Captioned:
        """Add a strip with the text to the photo. Raises BadImage.

        `digest` is the SHA-256 of the JPEG, computed if None.
        """
        draw = partial(self.draw, text)
        missing = self._shaper.find_missing(clean_text(text))
        try:
            spliced = self._splice(jpeg, draw, digest)
        except TooManySegments as error:
            raise BadImage(str(error)) from error
        except (NotSpliceable, JpegError) as reason:
            require_few_segments(jpeg, self._style)
            reencoded = reencode(normalise_ends(jpeg), draw, self._style.max_pixels, self._style.position)
            damage = find_damage(jpeg, self._style.max_pixels) if self._style.check_damage else UNCHECKED
            patch = Patch(crc32(jpeg), (reencoded.jpeg,))
            return Captioned(jpeg, patch, reencoded.width_px, reencoded.height_px, str(reason), missing, damage)
        damage = spliced.damage if self._style.check_damage else UNCHECKED
        return Captioned(jpeg, spliced.patch, spliced.width_px, spliced.height_px, None, missing, damage)

    def _splice(self, jpeg: bytes, draw: Callable[[int], Image.Image], digest: bytes | None) -> Spliced:
        header = read_header(jpeg)
        require_at_most(self._style.max_pixels, header.width_px, header.height_px)
        orientation = read_orientation(segment.body for segment in header.segments if segment.marker == APP1)
        placement = place(orientation, self._style.position)
        mcu_size = (header.mcu_width_px, header.mcu_height_px)
        if header.is_progressive:
            require_few_segments(jpeg, self._style)
            if placement.side != "bottom":
                raise NotSpliceable(f"progressive photo with the strip at its {placement.side}")
            return splice_progressive(jpeg, header, lambda width_px: placement.turn(draw(width_px), mcu_size), digest)
        if placement.side == "bottom":
            return splice(
                jpeg,
                header,
                lambda width_px: placement.turn(draw(width_px), mcu_size),
                digest,
                check_damage=self._style.check_damage,
            )
        viewed_px = placement.viewed((header.width_px, header.height_px))
        strip = placement.turn(draw(viewed_px[0]), mcu_size)
        spliced = splice_at_side(jpeg, header, placement.side, strip, digest)
        width_px, height_px = placement.viewed((spliced.width_px, spliced.height_px))
        return replace(spliced, width_px=width_px, height_px=height_px)
