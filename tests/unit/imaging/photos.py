"""Generates small JPEGs and compares images."""

from functools import cache
from io import BytesIO
from random import Random

from PIL import Image

QUADRANTS = ((200, 40, 40), (40, 180, 60), (50, 60, 200), (210, 200, 60))


@cache
def picture(width: int = 64, height: int = 48, mode: str = "RGB") -> Image.Image:
    """Four quadrants of different colours, which show the orientation, with some noise."""
    pixels = Random(1).randbytes(width * height)  # noqa: S311 - the same picture whichever test draws it first
    noise = Image.frombytes("L", (width, height), pixels)
    image = noise.point(lambda level: 108 + level // 6).convert("RGB")
    for at, colour in enumerate(QUADRANTS):
        box = (at % 2 * (width // 2), at // 2 * (height // 2))
        tile = Image.new("RGB", (width - width // 2, height - height // 2), colour)
        image.paste(Image.blend(tile, image.crop((*box, box[0] + tile.width, box[1] + tile.height)), 0.2), box)
    return image.convert(mode)


def encode(image: Image.Image, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def decode(jpeg: bytes) -> Image.Image:
    image = Image.open(BytesIO(jpeg))
    image.load()
    return image


def segments(jpeg: bytes) -> list[tuple[int, bytes]]:
    """The markers and bodies of all segments up to the scan header."""
    found = []
    at = 2
    while True:
        marker, size = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4], "big")
        found.append((marker, jpeg[at + 4 : at + 2 + size]))
        at += 2 + size
        if marker == 0xDA:
            return found


def insert_segment(jpeg: bytes, marker: int, body: bytes) -> bytes:
    """The file with one more segment after SOI."""
    return jpeg[:2] + bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body + jpeg[2:]


def largest_difference(one: Image.Image, other: Image.Image) -> int:
    """The largest difference of any pixel in any band."""
    assert one.size == other.size
    pairs = zip(one.convert("RGB").tobytes(), other.convert("RGB").tobytes(), strict=True)
    return max(abs(a - b) for a, b in pairs)


def mean_difference(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of all pixels in all bands."""
    assert one.size == other.size
    first, second = one.convert("RGB").tobytes(), other.convert("RGB").tobytes()
    return sum(abs(a - b) for a, b in zip(first, second, strict=True)) / len(first)
