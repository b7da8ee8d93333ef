"""The recipe: a JPEG and a text in, a captioned JPEG out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from zlib import crc32

from PIL import Image

from captiond.imaging.errors import NotSpliceable
from captiond.imaging.jpeg.header import read_header
from captiond.imaging.reencode.reencode import reencode, require_at_most
from captiond.imaging.splice.splice import Spliced, splice
from captiond.imaging.style import Style
from captiond.imaging.text.fonts import load_font
from captiond.imaging.text.segmentation import clean_text
from captiond.imaging.text.shaping import Typesetter
from captiond.imaging.text.strip import draw_strip
from captiond.patch import Patch


@dataclass(frozen=True, slots=True)
class Captioned:
    """A captioned JPEG, as what makes it of the photo, and its size in pixels, strip included."""

    photo: bytes = field(repr=False)
    patch: Patch = field(repr=False)
    width: int
    height: int
    reencode_reason: str | None = None
    """Why the photo had to be decoded and encoded anew; None: it was not, and can be restored."""
    missing: tuple[str, ...] = ()
    """Grapheme clusters that no installed font has; boxes stand in their place."""

    @property
    def jpeg(self) -> bytes:
        """The file, put together anew each time."""
        return self.patch.apply(self.photo)


class Captioner:
    """Captions photos in one style. Keeps the font and words it has drawn; make one a process."""

    def __init__(self, style: Style) -> None:
        """Load the font; raises FontNotFound."""
        self._style = style
        self._typesetter = Typesetter(load_font(style.font_name, style.font_size_px))

    def add_caption(self, jpeg: bytes, text: str) -> Captioned:
        """The photo with the text in a black strip below it; raises BadImage."""
        draw = partial(draw_strip, text, typesetter=self._typesetter, style=self._style)
        missing = self._typesetter.find_missing(clean_text(text))
        try:
            spliced = self._splice(jpeg, draw)
        except NotSpliceable as reason:
            reencoded = reencode(jpeg, draw, self._style.max_pixels, self._style.position)
            patch = Patch(crc32(jpeg), (reencoded.jpeg,))
            return Captioned(jpeg, patch, reencoded.width_px, reencoded.height_px, str(reason), missing)
        return Captioned(jpeg, spliced.patch, spliced.width_px, spliced.height_px, None, missing)

    def _splice(self, jpeg: bytes, draw: Callable[[int], Image.Image]) -> Spliced:
        if self._style.position != "below":
            raise NotSpliceable("the strip goes above the photo")
        header = read_header(jpeg)
        require_at_most(self._style.max_pixels, header.width_px, header.height_px)
        return splice(jpeg, header, draw)
