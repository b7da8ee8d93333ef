from collections.abc import Iterator

import pytest
from PIL import Image
from tests.unit.imaging.coefficients import FLAT_AC

from captiond.imaging.errors import UnsupportedJpeg
from captiond.imaging.jpeg.dct import decode_plane, encode_plane, flat_block
from captiond.imaging.jpeg.header import Component
from captiond.imaging.jpeg.huffman import STANDARD_AC, STANDARD_DC
from captiond.imaging.jpeg.native import default_build

COARSE = Component(1, 1, (90,) * 64, STANDARD_DC[0], FLAT_AC)
FINE = Component(1, 1, tuple(range(1, 65)), STANDARD_DC[0], STANDARD_AC[0])


@pytest.fixture(params=["interpreted", "default"], autouse=True)
def _build(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if request.param == "interpreted":
        monkeypatch.setenv("CAPTIOND_NATIVE", "0")
    default_build.cache_clear()
    yield
    default_build.cache_clear()


def test_decoded_blocks_give_the_plane() -> None:
    plane = Image.radial_gradient("L").resize((48, 32))

    decoded = decode_plane(encode_plane(plane, FINE), 6, FINE)

    assert max(abs(a - b) for a, b in zip(plane.tobytes(), decoded.tobytes(), strict=True)) < 12


def test_block_does_not_depend_on_its_neighbours() -> None:
    plane = Image.radial_gradient("L").resize((48, 32))

    blocks = encode_plane(plane, FINE)

    for at, block in enumerate(blocks):
        x, y = at % 6 * 8, at // 6 * 8
        assert encode_plane(plane.crop((x, y, x + 8, y + 8)), FINE) == [block]


def test_more_blocks_than_the_cache_holds_are_encoded() -> None:
    noise = Image.effect_noise((1024, 1040), 100)

    first = encode_plane(noise, COARSE)

    assert len(first) == 128 * 130
    assert encode_plane(noise, COARSE) == first


@pytest.mark.parametrize("sample", [0, 52, 127, 128, 129, 255])
@pytest.mark.parametrize("component", [COARSE, FINE])
def test_flat_block_equals_pillows(sample: int, component: Component) -> None:
    assert encode_plane(Image.new("L", (8, 8), sample), component) == [flat_block(sample, component)]


def test_pillow_does_not_decode_a_coefficient_beyond_those_of_8_bit_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTIOND_NATIVE", "0")
    default_build.cache_clear()

    with pytest.raises(UnsupportedJpeg, match="coefficients beyond those of 8-bit samples at the seam"):
        decode_plane([(0, [11 << 16 | 1 << 10, 0])], 1, FINE)


def test_empty_plane_has_no_blocks() -> None:
    assert encode_plane(Image.new("L", (0, 16)), FINE) == []
