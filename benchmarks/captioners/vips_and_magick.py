"""Captioners that decode, draw and encode with libvips and with ImageMagick."""

from html import escape

import pyvips  # type: ignore[import-untyped]  # its stubs lack their marker
from benchmarks.captioners.pillow import PADDING_PX, QUALITY, SIZE_PX, Caption, font_path

try:
    from wand.color import Color  # type: ignore[import-untyped]  # has no type hints
    from wand.image import Image as WandImage  # type: ignore[import-untyped]  # the same
except ImportError:  # the package is installed, the shared library is not
    WandImage = None

_DPI = 72  # one point is one pixel


def caption_with_magick() -> Caption | None:
    """Return a captioner with ImageMagick, or None without its shared library."""
    if WandImage is None:
        return None
    font = str(font_path())

    def caption(jpeg: bytes, text: str) -> bytes:
        with WandImage(blob=jpeg) as photo, WandImage() as strip, WandImage() as canvas:
            strip.background_color = Color("black")
            strip.font_path = font
            strip.font_size = SIZE_PX
            strip.options["fill"] = "white"
            strip.options["size"] = f"{photo.width}x"
            strip.read(filename="caption:" + text.replace("%", "%%"))
            canvas.image_add(photo)
            canvas.image_add(strip)
            canvas.iterator_reset()  # it points at the image added last
            canvas.concat(stacked=True)
            canvas.format = "jpeg"
            canvas.compression_quality = QUALITY
            return bytes(canvas.make_blob())

    return caption


def caption_with_vips() -> Caption:
    """Return a captioner with libvips and its default number of threads."""
    font = str(font_path())

    def caption(jpeg: bytes, text: str) -> bytes:
        photo = pyvips.Image.jpegload_buffer(jpeg)
        ink = pyvips.Image.text(
            escape(text),
            font=f"Roboto {SIZE_PX}",
            fontfile=font,
            width=photo.width - 2 * PADDING_PX,
            dpi=_DPI,
        )
        strip = ink.embed(PADDING_PX, PADDING_PX, photo.width, ink.height + 2 * PADDING_PX)
        canvas = photo.join(strip.bandjoin([strip, strip]), "vertical")
        return bytes(canvas.jpegsave_buffer(Q=QUALITY))

    return caption
