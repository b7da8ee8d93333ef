"""The peer of this benchmark: a caption by plain Pillow that preserves what Pillow can preserve.

It differs from `with_pillow.py` in what a careful person adds for photographs of every kind: the photo's own
quantisation tables and sampling instead of a fixed quality, its colour mode, orientation, EXIF and ICC profile.
"""

from io import BytesIO

from benchmarks.captioners.pillow import PADDING_PX, SIZE_PX, Caption, font_path, wrap
from PIL import Image, ImageDraw, ImageFont, ImageOps, JpegImagePlugin


def caption_with_plain_pillow() -> Caption:
    """Pillow alone, the font loaded once."""
    font = ImageFont.truetype(font_path(), SIZE_PX)

    def caption(jpeg: bytes, text: str) -> bytes:
        photo = Image.open(BytesIO(jpeg))
        if not isinstance(photo, JpegImagePlugin.JpegImageFile):
            raise TypeError(f"not a JPEG but {photo.format}")
        tables, subsampling = photo.quantization, JpegImagePlugin.get_sampling(photo)
        ImageOps.exif_transpose(photo, in_place=True)
        strip = _draw_strip(text, photo.width, font)
        canvas = Image.new(photo.mode, (photo.width, photo.height + strip.height))
        canvas.paste(photo)
        canvas.paste(strip.convert(photo.mode), (0, photo.height))
        file = BytesIO()
        exif, profile = photo.info.get("exif", b""), photo.info.get("icc_profile")
        canvas.save(file, "JPEG", qtables=tables, subsampling=subsampling, exif=exif, icc_profile=profile)
        return file.getvalue()

    return caption


def _draw_strip(text: str, width_px: int, font: ImageFont.FreeTypeFont) -> Image.Image:
    line_px = sum(font.getmetrics())
    lines = wrap(text, width_px - 2 * PADDING_PX, font)
    strip = Image.new("L", (width_px, len(lines) * line_px + 2 * PADDING_PX))
    draw = ImageDraw.Draw(strip)
    for at, line in enumerate(lines):
        draw.text((PADDING_PX, PADDING_PX + at * line_px), line, fill="white", font=font)
    return strip
