"""The baseline captioner: decode, draw and encode with Pillow."""

from collections.abc import Callable
from importlib.resources import files
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

Caption = Callable[[bytes, str], bytes]
"""Takes a JPEG and a text, returns the captioned JPEG."""

SIZE_PX = 12
PADDING_PX = 4
QUALITY = 90


def font_path() -> Path:
    """The static font in the package font-roboto, which captiond uses too."""
    return Path(str(files("font_roboto") / "files" / "Roboto-Regular.ttf"))


def caption_with_pillow() -> Caption:
    """Return the captioner. It loads the font once."""
    font = ImageFont.truetype(font_path(), SIZE_PX)
    line_px = sum(font.getmetrics())

    def caption(jpeg: bytes, text: str) -> bytes:
        photo = Image.open(BytesIO(jpeg)).convert("RGB")
        lines = wrap(text, photo.width - 2 * PADDING_PX, font)
        canvas = Image.new("RGB", (photo.width, photo.height + len(lines) * line_px + 2 * PADDING_PX))
        canvas.paste(photo)
        draw = ImageDraw.Draw(canvas)
        for at, line in enumerate(lines):
            draw.text((PADDING_PX, photo.height + PADDING_PX + at * line_px), line, fill="white", font=font)
        file = BytesIO()
        canvas.save(file, "JPEG", quality=QUALITY)
        return file.getvalue()

    return caption


def wrap(text: str, width_px: int, font: ImageFont.FreeTypeFont) -> list[str]:
    """Break the text at words into lines as long as possible."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width_px:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
