"""Draws the frames of a traffic camera: a street on which cars move, a time stamp, and the noise of a sensor.

Draws with Pillow alone. The scenes of `benchmarks/inputs` do not move, and need NumPy, which captiond does not require.
"""

import math
import random
from io import BytesIO

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

WIDTH_PX, HEIGHT_PX = 640, 480
QUALITY = 85

_SKIES = ((150, 180, 215), (176, 182, 190), (212, 160, 120), (26, 30, 48))
_WALLS = ((142, 124, 104), (171, 158, 138), (120, 92, 80), (150, 150, 152))
_BODIES = ((190, 30, 34), (32, 52, 110), (210, 210, 206), (40, 42, 46), (200, 160, 30))
_LAMPS = ((214, 40, 36), (226, 178, 40), (44, 190, 84))
_HORIZON_PX = 210
_LANES = 3
_NOISE_STRENGTH = 0.06


class Scene:
    """The scene of one camera. Several threads may draw its frames."""

    def __init__(self, name: str, choices: random.Random) -> None:
        self._name = name
        self._cars = [(choices.choice(_BODIES), choices.random(), choices.uniform(0.5, 2)) for _ in range(_LANES * 2)]
        self._background = _draw_background(choices)
        # Drawn once, because it takes longer than the rest of a frame. Each frame moves it.
        noise = choices.randbytes(WIDTH_PX * HEIGHT_PX)
        self._noise = Image.frombytes("L", (WIDTH_PX, HEIGHT_PX), noise).convert("RGB")
        self._font = ImageFont.load_default(16)

    def draw(self, number: int, stamp: str, choices: random.Random) -> bytes:
        """Return the JPEG of a frame. `stamp` is the time that the camera writes into it."""
        frame = self._background.copy()
        draw = ImageDraw.Draw(frame)
        for lane, (body, start, speed) in enumerate(self._cars):
            _draw_car(draw, lane % _LANES, (start + number * speed / 40) % 1, body)
        _draw_traffic_light(draw, lit=number // 10 % len(_LAMPS))
        noise = ImageChops.offset(self._noise, choices.randrange(WIDTH_PX), choices.randrange(HEIGHT_PX))
        frame = Image.blend(frame, noise, _NOISE_STRENGTH)
        draw = ImageDraw.Draw(frame)
        draw.text((8, 6), stamp, (250, 250, 250), self._font, stroke_width=1, stroke_fill=(0, 0, 0))
        draw.text((8, HEIGHT_PX - 26), self._name, (250, 250, 250), self._font, stroke_width=1, stroke_fill=(0, 0, 0))
        file = BytesIO()
        frame.save(file, "JPEG", quality=QUALITY)
        return file.getvalue()


def _draw_background(choices: random.Random) -> Image.Image:
    picture = Image.new("RGB", (WIDTH_PX, HEIGHT_PX), choices.choice(_SKIES))
    draw = ImageDraw.Draw(picture)
    left = 0
    while left < WIDTH_PX:
        right = left + choices.randrange(60, 150)
        top = _HORIZON_PX - choices.randrange(50, 150)
        draw.rectangle((left, top, right, _HORIZON_PX), choices.choice(_WALLS), (70, 66, 62))
        for y in range(top + 10, _HORIZON_PX - 14, 22):
            for x in range(left + 8, right - 12, 18):
                draw.rectangle((x, y, x + 9, y + 12), choices.choice(((40, 46, 56), (210, 190, 130))))
        left = right
    draw.rectangle((0, _HORIZON_PX, WIDTH_PX, HEIGHT_PX), (86, 86, 90))
    for lane in range(1, _LANES):
        for at in range(0, 100, 10):
            near, far = _on_road(lane / _LANES, at / 100), _on_road(lane / _LANES, (at + 5) / 100)
            draw.line((near, far), (226, 224, 214), 1 + at // 20)
    return picture.filter(ImageFilter.GaussianBlur(0.6))


def _on_road(across: float, along: float) -> tuple[float, float]:
    """The pixel of a place on the road: across from 0 to 1, and along from the horizon (0) to the camera (1)."""
    half_px = 40 + 300 * along**2
    return WIDTH_PX / 2 + (2 * across - 1) * half_px, _HORIZON_PX + along**2 * (HEIGHT_PX - _HORIZON_PX)


def _draw_car(draw: ImageDraw.ImageDraw, lane: int, along: float, body: tuple[int, int, int]) -> None:
    x, bottom = _on_road((lane + 0.5) / _LANES, along)
    width = 14 + 120 * along**2
    height = width * 0.6
    draw.ellipse((x - width / 2, bottom - height / 6, x + width / 2, bottom + height / 6), (34, 34, 36))
    draw.rounded_rectangle((x - width / 2, bottom - height / 1.6, x + width / 2, bottom), math.ceil(width / 12), body)
    draw.rectangle((x - width / 3, bottom - height, x + width / 3, bottom - height / 1.6), (52, 64, 76))
    if width > 60:  # a plate is visible near the camera only  # noqa: PLR2004
        draw.rectangle((x - width / 6, bottom - height / 4, x + width / 6, bottom - height / 8), (240, 240, 236))


def _draw_traffic_light(draw: ImageDraw.ImageDraw, *, lit: int) -> None:
    draw.rectangle((WIDTH_PX - 62, 90, WIDTH_PX - 58, 330), (48, 48, 50))
    draw.rectangle((WIDTH_PX - 74, 90, WIDTH_PX - 46, 166), (24, 24, 26))
    for at, colour in enumerate(_LAMPS):
        top = 94 + 24 * at
        draw.ellipse((WIDTH_PX - 70, top, WIDTH_PX - 50, top + 20), colour if at == lit else (50, 50, 52))
