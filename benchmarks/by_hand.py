"""What people write to put a caption under a JPEG: decode, draw, encode, with three libraries."""

from collections.abc import Callable
from html import escape
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import pyvips  # type: ignore[import-untyped]  # its stubs lack their marker
from PIL import Image, ImageDraw, ImageFont

try:
    from wand.color import Color  # type: ignore[import-untyped]  # ships no types
    from wand.image import Image as WandImage  # type: ignore[import-untyped]  # the same
except ImportError:  # the binding is there, the library is not
    WandImage = None

Caption = Callable[[bytes, str], bytes]
"""A JPEG and a text in, a captioned JPEG out."""

_SIZE_PX = 12
_PADDING_PX = 4
_QUALITY = 90
_POINTS_ARE_PIXELS = 72


def font_path() -> Path:
    """The static font that captiond draws with, too."""
    return Path(str(files("font_roboto") / "files" / "Roboto-Regular.ttf"))


def caption_with_pillow() -> Caption:
    """The yardstick: Pillow alone, the font loaded once."""
    font = ImageFont.truetype(font_path(), _SIZE_PX)
    line_px = sum(font.getmetrics())

    def wrap(text: str, width_px: int) -> list[str]:
        lines = [""]
        for word in text.split():
            longer = f"{lines[-1]} {word}".strip()
            if font.getlength(longer) <= width_px:
                lines[-1] = longer
            else:
                lines.append(word)
        return lines

    def caption(jpeg: bytes, text: str) -> bytes:
        photo = Image.open(BytesIO(jpeg)).convert("RGB")
        lines = wrap(text, photo.width - 2 * _PADDING_PX)
        canvas = Image.new("RGB", (photo.width, photo.height + len(lines) * line_px + 2 * _PADDING_PX))
        canvas.paste(photo)
        draw = ImageDraw.Draw(canvas)
        for at, line in enumerate(lines):
            draw.text((_PADDING_PX, photo.height + _PADDING_PX + at * line_px), line, fill="white", font=font)
        file = BytesIO()
        canvas.save(file, "JPEG", quality=_QUALITY)
        return file.getvalue()

    return caption


def caption_with_magick() -> Caption | None:
    """ImageMagick in this process; None where its library is missing."""
    if WandImage is None:
        return None
    font = str(font_path())

    def caption(jpeg: bytes, text: str) -> bytes:
        with WandImage(blob=jpeg) as photo, WandImage() as strip, WandImage() as canvas:
            strip.background_color = Color("black")
            strip.font_path = font
            strip.font_size = _SIZE_PX
            strip.options["fill"] = "white"
            strip.options["size"] = f"{photo.width}x"
            strip.read(filename="caption:" + text.replace("%", "%%"))
            canvas.image_add(photo)
            canvas.image_add(strip)
            canvas.iterator_reset()  # it stands at the last one added
            canvas.concat(stacked=True)
            canvas.format = "jpeg"
            canvas.compression_quality = _QUALITY
            return bytes(canvas.make_blob())

    return caption


def caption_with_vips() -> Caption:
    """libvips, with as many threads as it likes."""
    font = str(font_path())

    def caption(jpeg: bytes, text: str) -> bytes:
        photo = pyvips.Image.jpegload_buffer(jpeg)
        ink = pyvips.Image.text(
            escape(text),
            font=f"Roboto {_SIZE_PX}",
            fontfile=font,
            width=photo.width - 2 * _PADDING_PX,
            dpi=_POINTS_ARE_PIXELS,
        )
        strip = ink.embed(_PADDING_PX, _PADDING_PX, photo.width, ink.height + 2 * _PADDING_PX)
        canvas = photo.join(strip.bandjoin([strip, strip]), "vertical")
        return bytes(canvas.jpegsave_buffer(Q=_QUALITY))

    return caption
