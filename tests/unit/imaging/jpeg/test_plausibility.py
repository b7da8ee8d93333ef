"""The check of uploads: what cannot be a JPEG, by its segment headers alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.imaging.photos import encode, picture
from tests.unit.imaging.test_cases import CASES

from captiond.imaging import BadImage, Captioner, Style
from captiond.imaging.jpeg.plausibility import find_header_fault, find_start_fault, is_complete
from captiond.imaging.jpeg.segments import APP1, segment_bytes

PHOTO = encode(picture())
CAPTIONER = Captioner(Style())
FRAME = PHOTO.index(b"\xff\xc0")
ACCEPTED = {
    "baseline": PHOTO,
    "progressive": encode(picture(), progressive=True),
    "repeated SOI": b"\xff\xd8" * 3 + PHOTO,
    "fill bytes": PHOTO[:2] + b"\xff" * 100 + PHOTO[2:],
    "stray bytes": PHOTO[:2] + b"\xff\0\xff\xd0 stray bytes" + PHOTO[2:],
    "length below 2": PHOTO[:2] + b"\xff\xe0\0\1" + PHOTO[2:],
    "long metadata": PHOTO[:2] + segment_bytes(APP1, bytes(65_533)) * 100 + PHOTO[2:],
    "no tables": PHOTO[:2] + PHOTO[FRAME:],
    "lossless": PHOTO.replace(b"\xff\xc0", b"\xff\xc3"),
    "JPEG-LS": b"\xff\xd8\xff\xf7",
    "truncated after the frame header": PHOTO[: FRAME + 4],
    "truncated before the frame header": PHOTO[: FRAME - 1],
    "truncated length": PHOTO[:5],
    "only the first bytes": b"\xff\xd8\xff",
    "damaged after the frame header": PHOTO[: FRAME + 19] + b"damaged",
}
REFUSED = {
    "text": (b"\xff\xd8\xff and no more".ljust(100, b"."), "no marker within 64 bytes of offset 2"),
    "junk after a segment": (b"\xff\xd8\xff\xe0\0\4" + b"junk" * 20, "no marker within 64 bytes of offset 8"),
    "scan before the frame header": (b"\xff\xd8\xff\xda\0\x02", "marker ff da at offset 2"),
    "end before the frame header": (b"\xff\xd8\xff\xd9", "marker ff d9 at offset 2"),
    "too many segments": (PHOTO[:2] + segment_bytes(APP1, b"") * 10_000 + PHOTO[2:], "more than 10000 segments"),
}


def test_start_of_another_file_is_described() -> None:
    assert find_start_fault(PHOTO) is None
    assert find_start_fault(b"\x89PNG") == "starts with 89 50 4e; a JPEG starts with ff d8 ff"


@pytest.mark.parametrize("jpeg", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_file_that_may_be_a_jpeg_has_no_fault(jpeg: bytes) -> None:
    assert find_header_fault(jpeg) is None


@pytest.mark.parametrize(("jpeg", "fault"), REFUSED.values(), ids=REFUSED.keys())
def test_file_that_cannot_be_a_jpeg_has_a_fault(jpeg: bytes, fault: str) -> None:
    assert fault in (find_header_fault(jpeg) or "")


COMPLETE = {
    "baseline": PHOTO,
    "progressive": ACCEPTED["progressive"],
    "repeated SOI": ACCEPTED["repeated SOI"],
    "padded with zeros": PHOTO + bytes(4096),
}
INCOMPLETE = {
    "without EOI": PHOTO[:-2],
    "half of EOI": PHOTO[:-1],
    "zeros without EOI": PHOTO[:-2] + bytes(100),
    "EOI of a thumbnail": PHOTO[:2] + b"\xff\xe1\x40\x00Exif" + PHOTO,
    "no scan": PHOTO[: FRAME + 19] + b"\xff\xd9",
    "too many segments": PHOTO[:2] + segment_bytes(APP1, b"") * 10_000 + PHOTO[2:],
    "nothing": b"",
}


@pytest.mark.parametrize("jpeg", COMPLETE.values(), ids=COMPLETE.keys())
def test_photo_with_its_end_is_complete(jpeg: bytes) -> None:
    assert is_complete(jpeg)


@pytest.mark.parametrize("jpeg", INCOMPLETE.values(), ids=INCOMPLETE.keys())
def test_photo_without_its_end_is_incomplete(jpeg: bytes) -> None:
    assert not is_complete(jpeg)


@given(size=st.integers(0, len(PHOTO) - 1))
def test_every_prefix_of_a_photo_is_incomplete(size: int) -> None:
    assert not is_complete(PHOTO[:size])


@pytest.mark.skipif(not CASES.is_dir(), reason="no cases; CAPTIOND_CASES names their directory")
def test_photos_of_all_cases_have_no_fault() -> None:
    photos = sorted(CASES.glob("*.jpg"))

    assert photos
    assert [photo.name for photo in photos if find_header_fault(photo.read_bytes())] == []


@given(at=st.integers(2, FRAME + 40), byte=st.integers(0, 255))
def test_photo_with_a_fault_cannot_be_captioned(at: int, byte: int) -> None:
    damaged = PHOTO[:at] + bytes([byte]) + PHOTO[at + 1 :]

    if find_header_fault(damaged):
        with pytest.raises(BadImage):
            CAPTIONER.add_caption(damaged, "7 секунд")
