"""Drawn street scenes that compress like camera frames: sky, houses, trees, road, cars and sensor noise."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

WIDTH_PX, HEIGHT_PX = 640, 480
FRAMES = 8
_Plane = npt.NDArray[np.float64]
_Colour = tuple[int, int, int]
_WALLS = ((142, 124, 104), (171, 158, 138), (120, 92, 80), (150, 150, 152), (186, 176, 150))
_BODIES = ((190, 30, 34), (32, 52, 110), (210, 210, 206), (30, 32, 36), (90, 104, 96), (200, 160, 30))
_SMALLEST_HOUSE_PX, _LARGEST_HOUSE_PX = 60, 150


@dataclass(frozen=True, slots=True)
class _Light:
    """Time of day and weather."""

    zenith: _Colour
    horizon: _Colour
    brightness: float
    noise: float  # standard deviation of the sensor noise, levels


_LIGHTS = (
    _Light((92, 138, 200), (200, 214, 226), 1.0, 3.0),
    _Light((150, 158, 168), (196, 198, 200), 0.85, 4.5),
    _Light((60, 70, 110), (214, 150, 110), 0.7, 6.0),
    _Light((14, 18, 32), (52, 50, 60), 0.4, 8.0),
)


def make_frames(count: int = FRAMES, seed: int = 1) -> list[Image.Image]:
    """Draw different scenes, mode RGB, 640x480. The same seed gives the same scenes."""
    return [_draw_scene(np.random.default_rng([seed, at]), random.Random(100 * seed + at)) for at in range(count)]


def encode(picture: Image.Image, **options: object) -> bytes:
    """Encode with 4:2:0, quality 85 and the standard Huffman tables, unless options differ."""
    file = BytesIO()
    picture.save(file, "JPEG", **{"quality": 85, "subsampling": 2, **options})
    return file.getvalue()


def _draw_scene(noise: np.random.Generator, choices: random.Random) -> Image.Image:
    light = choices.choice(_LIGHTS)
    horizon_px = choices.randrange(190, 250)
    scene = _sky(light, noise)
    draw = ImageDraw.Draw(scene)
    _draw_houses(draw, horizon_px, choices)
    scene = _grain(scene, noise, 1.0, 14)
    _draw_road(scene, horizon_px, noise)
    _plant_trees(scene, horizon_px, noise, choices)
    _park_cars(scene, horizon_px, choices)
    lit = Image.blend(Image.new("RGB", scene.size), scene, light.brightness)
    seen = lit.filter(ImageFilter.GaussianBlur(0.6))
    return _grain(seen, noise, 0.0, light.noise)


def _clouds(shape: tuple[int, int], roughness: float, noise: np.random.Generator) -> _Plane:
    """Noise with mean 0 and deviation 1. Its amplitude falls with this power of the frequency, as in photos."""
    rows, columns = shape
    frequency = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns)[None, :])
    frequency[0, 0] = 1.0
    spectrum = np.fft.rfft2(noise.standard_normal(shape)) / frequency**roughness
    spectrum[0, 0] = 0.0
    plane: _Plane = np.fft.irfft2(spectrum, shape)
    plane /= plane.std()
    return plane


def _grain(picture: Image.Image, noise: np.random.Generator, roughness: float, deviation: float) -> Image.Image:
    """Add noise to a picture, mostly to its brightness."""
    shape = (picture.height, picture.width)
    grain = deviation * _clouds(shape, roughness, noise)[..., None]
    grain = grain + deviation / 3 * noise.standard_normal((*shape, 3))
    levels = np.asarray(picture, dtype=np.float64) + grain
    return Image.fromarray(np.clip(levels.round(), 0, 255).astype(np.uint8))


def _sky(light: _Light, noise: np.random.Generator) -> Image.Image:
    height = np.linspace(0, 1, HEIGHT_PX)[:, None, None]
    levels = (1 - height) * np.array(light.zenith) + height * np.array(light.horizon)
    cover = np.clip(_clouds((HEIGHT_PX, WIDTH_PX), 1.8, noise), 0, 2)[..., None] / 2
    levels = levels + 0.5 * cover * (235 - levels)
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))


def _draw_houses(draw: ImageDraw.ImageDraw, horizon_px: int, choices: random.Random) -> None:
    left = -choices.randrange(_SMALLEST_HOUSE_PX)
    while left < WIDTH_PX:
        right = left + choices.randrange(_SMALLEST_HOUSE_PX, _LARGEST_HOUSE_PX)
        top = horizon_px - choices.randrange(_SMALLEST_HOUSE_PX, _LARGEST_HOUSE_PX)
        wall = choices.choice(_WALLS)
        draw.rectangle((left, top, right, horizon_px + 20), fill=wall, outline=(60, 56, 54))
        for x, y in _windows(left, top, right, horizon_px):
            glass = choices.choice(((40, 46, 56), (58, 66, 80), (210, 190, 130)))
            draw.rectangle((x, y, x + 7, y + 10), fill=glass, outline=(230, 228, 220))
        left = right + choices.randrange(12)


def _windows(left: int, top: int, right: int, bottom: int) -> Iterator[tuple[int, int]]:
    return ((x, y) for y in range(top + 8, bottom - 12, 19) for x in range(left + 8, right - 12, 15))


def _draw_road(scene: Image.Image, horizon_px: int, noise: np.random.Generator) -> None:
    """Draw asphalt down to the lower edge, a pavement, and a dashed line in perspective."""
    size = (WIDTH_PX, HEIGHT_PX - horizon_px)
    road = _grain(Image.new("RGB", size, (86, 86, 90)), noise, 0.5, 9)
    draw = ImageDraw.Draw(road)
    middle = WIDTH_PX // 2
    draw.polygon([(0, 0), (middle - 60, 0), (0, size[1])], fill=(138, 134, 128))
    for near in range(0, size[1], 36):
        far = near + 18
        half = (1 + near // 40, 1 + far // 40)
        draw.polygon(
            [(middle - half[0], near), (middle + half[0], near), (middle + half[1], far), (middle - half[1], far)],
            fill=(226, 224, 214),
        )
    scene.paste(_grain(road, noise, 0.3, 5), (0, horizon_px))


def _plant_trees(scene: Image.Image, horizon_px: int, noise: np.random.Generator, choices: random.Random) -> None:
    for _ in range(choices.randrange(2, 5)):
        side = choices.randrange(90, 170)
        x = choices.randrange(-20, WIDTH_PX - 60)
        y = horizon_px + 10 - side
        draw = ImageDraw.Draw(scene)
        draw.rectangle((x + side // 2 - 3, y + side // 2, x + side // 2 + 3, horizon_px + 24), fill=(58, 44, 34))
        leaves = _grain(Image.new("RGB", (side, side), (62, 84, 40)), noise, 0.6, 34)
        density = _clouds((side, side), 0.9, noise)
        row, column = np.indices((side, side)) / side - 0.5
        crown = density > 12 * (row**2 + column**2) - 1.2
        scene.paste(leaves, (x, y), Image.fromarray(crown))


def _park_cars(scene: Image.Image, horizon_px: int, choices: random.Random) -> None:
    draw = ImageDraw.Draw(scene)
    places = sorted(choices.randrange(horizon_px + 20, HEIGHT_PX - 20) for _ in range(choices.randrange(2, 6)))
    for bottom in places:  # from far to near
        length = 30 + (bottom - horizon_px)
        height = length // 3
        x = choices.randrange(-20, WIDTH_PX - length // 2)
        body = choices.choice(_BODIES)
        top = bottom - height
        draw.ellipse((x - 4, bottom - 6, x + length + 4, bottom + 8), fill=(34, 34, 36))
        draw.rounded_rectangle(
            (x + length // 5, top - height // 2, x + 4 * length // 5, bottom), height // 3, fill=body
        )
        draw.rectangle((x + length // 4, top - height // 3, x + 3 * length // 4, top), fill=(52, 64, 76))
        draw.rounded_rectangle((x, top, x + length, bottom), height // 4, fill=body, outline=(20, 20, 22))
        for wheel in (x + length // 5, x + 4 * length // 5):
            draw.ellipse((wheel - height // 4, bottom - height // 4, wheel + height // 4, bottom + height // 4), fill=0)
