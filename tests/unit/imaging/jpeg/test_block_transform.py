"""The transform of blocks in both builds."""

from array import array

import pytest
from PIL import Image
from tests.unit.imaging.builds import NATIVE, needs_compiled

from captiond.imaging.jpeg import block_transform
from captiond.imaging.jpeg.coefficients import pack_blocks

NOISE = Image.effect_noise((32, 24), 90)
TEXT = Image.new("L", (32, 24))
TEXT.paste(255, (5, 3, 13, 20))
HUGE: list[tuple[int, list[int]]] = [(1 << 30, []), (-(1 << 30), [])]


@needs_compiled
@pytest.mark.parametrize("step", [1, 16, 255, 65_535])
@pytest.mark.parametrize("image", [NOISE, TEXT, Image.new("L", (0, 16)), Image.linear_gradient("L")])
def test_both_builds_transform_alike(image: Image.Image, step: int) -> None:
    quantisation = array("H", [step] * 64)
    samples = image.tobytes()

    coefficients = block_transform.transform_blocks(samples, image.width, 1, 1, quantisation)
    blocks = pack_blocks(coefficients)
    decoded = block_transform.decode_blocks(blocks, image.width // 8, quantisation)

    assert NATIVE.transform_blocks
    assert NATIVE.decode_blocks
    assert NATIVE.transform_blocks(samples, image.width, 1, 1, quantisation) == coefficients
    assert NATIVE.decode_blocks(blocks, image.width // 8, quantisation) == decoded
    if step == 1:
        assert max(map(abs, (a - b for a, b in zip(decoded, samples, strict=True))), default=0) <= 1


def test_blocks_are_in_the_order_of_mcus() -> None:
    quantisation = array("H", [3] * 64)

    in_mcus = block_transform.transform_blocks(NOISE.crop((0, 0, 32, 16)).tobytes(), 32, 2, 2, quantisation)

    for at, (x, y) in enumerate([(0, 0), (8, 0), (0, 8), (8, 8), (16, 0), (24, 0), (16, 8), (24, 8)]):
        block = NOISE.crop((x, y, x + 8, y + 8)).tobytes()
        alone = block_transform.transform_blocks(block, 8, 1, 1, quantisation)
        assert in_mcus[64 * at : 64 * at + 64] == alone


@pytest.mark.parametrize(
    "samples", [bytes(x >> 2 & 1 and 255 for x in range(64)), bytes([0, 255] * 32), bytes(8) + b"\xff" * 56]
)
def test_coefficients_of_extreme_samples_have_ten_bits(samples: bytes) -> None:
    coefficients = block_transform.transform_blocks(samples, 8, 1, 1, array("H", [1] * 64))

    assert 0 < max(map(abs, coefficients[1:])) <= 1023


@needs_compiled
def test_samples_out_of_range_are_clipped() -> None:
    for decode in (block_transform.decode_blocks, NATIVE.decode_blocks):
        assert decode
        assert decode(HUGE, 2, array("H", [65_535] * 64)) == (b"\xff" * 8 + bytes(8)) * 8
