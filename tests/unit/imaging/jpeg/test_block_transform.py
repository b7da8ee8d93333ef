"""The transform of blocks in both builds."""

from array import array

import pytest
from PIL import Image
from tests.unit.imaging.builds import NATIVE, needs_compiled

from captiond.imaging.jpeg import block_transform

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

    blocks = block_transform.encode_blocks(samples, image.width, quantisation)
    decoded = block_transform.decode_blocks(blocks, image.width // 8, quantisation)

    assert NATIVE.encode_blocks
    assert NATIVE.decode_blocks
    assert NATIVE.encode_blocks(samples, image.width, quantisation) == blocks
    assert NATIVE.decode_blocks(blocks, image.width // 8, quantisation) == decoded
    if step == 1:
        assert max(map(abs, (a - b for a, b in zip(decoded, samples, strict=True))), default=0) <= 1


@needs_compiled
def test_samples_out_of_range_are_clipped() -> None:
    for decode in (block_transform.decode_blocks, NATIVE.decode_blocks):
        assert decode
        assert decode(HUGE, 2, array("H", [65_535] * 64)) == (b"\xff" * 8 + bytes(8)) * 8
