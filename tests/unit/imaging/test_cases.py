"""Files made after bug reports and real photos, which are not in the repository. Other tests generate small ones."""

import os
from pathlib import Path

import pytest
from tests.unit.imaging.builds import needs_default
from tests.unit.imaging.coefficients import read_planes

from captiond.imaging import Captioner, Style, restore
from captiond.imaging.jpeg.header import read_header

CASES = Path(os.environ.get("CAPTIOND_CASES", Path(__file__).parents[4] / "shared/cases"))
LOSSLESS = {
    "03-double-soi": None,
    "04-mjpeg-no-dht": None,
    "06-no-eoi": None,
    "07-half-scan-eoi": "the scan ends early (MCU 41 of 80)",
    "40-optimised-partial": None,
    "41-1080-lines-420": None,
    "42-more-than-65535-mcus": None,
    "43-restart-interval-of-half": None,
}

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="no cases; CAPTIOND_CASES names their directory")


@needs_default
@pytest.mark.parametrize(("name", "damage"), LOSSLESS.items(), ids=LOSSLESS.keys())
def test_case_is_captioned_losslessly(name: str, damage: str | None) -> None:
    jpeg = (CASES / f"{name}.jpg").read_bytes()

    captioned = Captioner(Style()).add_caption(jpeg, "7 секунд")

    assert (captioned.reencode_reason, captioned.damage) == (None, damage)
    assert captioned.jpeg.startswith(b"\xff\xd8\xff")
    assert captioned.jpeg.endswith(b"\xff\xd9")
    assert restore(captioned.jpeg) == jpeg
    if not damage:
        header = read_header(jpeg)
        for component, old, new in zip(header.components, read_planes(jpeg), read_planes(captioned.jpeg), strict=True):
            whole = header.height_px * component.down // header.mcu_height_px
            assert new[:whole] == old[:whole]
