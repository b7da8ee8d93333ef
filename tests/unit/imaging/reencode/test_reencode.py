"""Re-encoded photos."""

import struct
from io import BytesIO

import pytest
from PIL import Image, ImageCms, ImageOps
from PIL.JpegImagePlugin import JpegImageFile, get_sampling
from tests.unit.imaging.photos import (
    decode,
    encode,
    insert_segment,
    largest_difference,
    mean_difference,
    picture,
    segments,
)

from captiond.imaging.errors import BadImage
from captiond.imaging.reencode.reencode import Reencoded, reencode

STRIP_PX = 24
FINE = [1] * 64
CHROMA = [2 + at for at in range(64)]
ORIENTATION = 0x0112
SMALL = 8 * 1024


def strip(width_px: int) -> Image.Image:
    """A black strip with a white bar in the middle."""
    image = Image.new("L", (width_px, STRIP_PX))
    image.paste(255, (0, 8, width_px, 16))
    return image


def run(jpeg: bytes, max_pixels: int = 1_000_000) -> Reencoded:
    return reencode(jpeg, strip, max_pixels)


def photo_of(reencoded: Reencoded) -> Image.Image:
    return decode(reencoded.jpeg).crop((0, 0, reencoded.width_px, reencoded.height_px - STRIP_PX))


def strip_of(reencoded: Reencoded) -> Image.Image:
    top = reencoded.height_px - STRIP_PX
    return decode(reencoded.jpeg).convert("RGB").crop((0, top, reencoded.width_px, reencoded.height_px))


KINDS = {
    "4:4:4": encode(picture(), subsampling=0),
    "4:2:2": encode(picture(), subsampling=1),
    "4:2:0": encode(picture(), subsampling=2),
    "grey": encode(picture(mode="L")),
    "CMYK": encode(picture(mode="CMYK")),
    "RGB": encode(picture(), keep_rgb=True),
    "progressive": encode(picture(), progressive=True),
    "odd size": encode(picture(61, 47)),
    "tiny": encode(picture(16, 16)),
    "one pixel": encode(picture(1, 1), subsampling=0, qtables=[FINE, FINE]),
    "fine": encode(picture(), qtables=[FINE, FINE]),
}


@pytest.mark.parametrize("jpeg", KINDS.values(), ids=KINDS.keys())
def test_strip_is_added_below_the_photo(jpeg: bytes) -> None:
    before = decode(jpeg)

    after = run(jpeg)

    assert (after.width_px, after.height_px) == (before.width, before.height + STRIP_PX)
    assert decode(after.jpeg).size == (after.width_px, after.height_px)
    assert decode(after.jpeg).mode == before.mode
    assert mean_difference(photo_of(after), before) < 6


@pytest.mark.parametrize("jpeg", KINDS.values(), ids=KINDS.keys())
def test_strip_is_black_with_white_text(jpeg: bytes) -> None:
    drawn = strip_of(run(jpeg))
    middle = drawn.width // 2

    assert max(drawn.crop((middle, 18, middle + 1, STRIP_PX)).tobytes()) < 12
    assert min(drawn.crop((middle, 10, middle + 1, 14)).tobytes()) > 243


@pytest.mark.parametrize("kind", ["4:4:4", "4:2:2", "4:2:0"])
def test_quantisation_and_sampling_are_the_photos(kind: str) -> None:
    jpeg = encode(picture(), subsampling=kind, qtables=[FINE, CHROMA])

    before, after = decode(jpeg), decode(run(jpeg).jpeg)

    assert isinstance(before, JpegImageFile)
    assert isinstance(after, JpegImageFile)
    assert after.quantization == before.quantization
    assert get_sampling(after) == get_sampling(before)


def test_photo_barely_changes_with_fine_quantisation() -> None:
    jpeg = encode(picture(), subsampling=0, qtables=[FINE, FINE])

    after = run(jpeg)

    above_seam = (0, 0, 64, 40)
    assert largest_difference(photo_of(after).crop(above_seam), decode(jpeg).crop(above_seam)) <= 3


def test_sampling_unknown_to_pillow_becomes_444() -> None:
    jpeg = bytearray(encode(picture(), subsampling=1))
    sof = jpeg.index(b"\xff\xc0")
    jpeg[sof + 11] = 0x12  # 4:4:0

    after = decode(run(bytes(jpeg)).jpeg)

    assert isinstance(after, JpegImageFile)
    assert get_sampling(after) == 0


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_photo_is_rotated_upright(orientation: int, byte_order: str) -> None:
    jpeg = insert_segment(encode(picture(), quality=95), 0xE1, exif(orientation, byte_order))
    upright = ImageOps.exif_transpose(decode(jpeg))

    after = run(jpeg)

    assert (after.width_px, after.height_px) == (upright.width, upright.height + STRIP_PX)
    assert mean_difference(photo_of(after), upright) < 4
    assert decode(after.jpeg).getexif()[ORIENTATION] == 1
    assert segments(after.jpeg)[0] == (0xE1, exif(1, byte_order))


def test_quantisation_tables_are_rotated_with_the_photo() -> None:
    jpeg = insert_segment(encode(picture(), qtables=[CHROMA, FINE]), 0xE1, exif(6))

    after = decode(run(jpeg).jpeg)

    assert isinstance(after, JpegImageFile)
    assert after.quantization[0] == [CHROMA[8 * (at % 8) + at // 8] for at in range(64)]


INVALID_EXIF = {
    "no EXIF": b"Exif\0\0",
    "no byte order": b"Exif\0\0XX*\0\0\0\0\x08",
    "directory past the end": b"Exif\0\0II*\0\xff\xff\0\0",
    "entries past the end": b"Exif\0\0II*\0\x08\0\0\0\xff\xff",
    "no orientation": b"Exif\0\0II*\0\x08\0\0\0\0\0",
    "orientation 9": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x09\0\0\0",
}


@pytest.mark.parametrize("body", INVALID_EXIF.values(), ids=INVALID_EXIF.keys())
def test_invalid_exif_is_unchanged(body: bytes) -> None:
    after = run(insert_segment(KINDS["4:2:0"], 0xE1, body))

    assert segments(after.jpeg)[0] == (0xE1, body)
    assert (after.width_px, after.height_px) == (64, 48 + STRIP_PX)


def test_metadata_is_retained_in_order() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    jpeg = encode(picture(), icc_profile=profile, comment=b"north gate", dpi=(300, 200), xmp=b"<x/>")
    jpeg = insert_segment(insert_segment(jpeg, 0xED, b"Photoshop 3.0\0"), 0xE9, b"maker")

    after = decode(run(jpeg).jpeg)

    metadata = [found for found in segments(jpeg) if 0xE0 <= found[0] <= 0xFE]
    assert [found for found in segments(run(jpeg).jpeg) if 0xE0 <= found[0] <= 0xFE] == metadata
    assert after.info["icc_profile"] == profile
    assert after.info["dpi"] == (300, 200)
    assert after.info["comment"] == b"north gate"


def test_orientation_in_xmp_is_reset() -> None:
    xmp = b'<rdf tiff:Orientation="6"/>'
    jpeg = insert_segment(encode(picture(), xmp=xmp), 0xE1, exif(6))

    assert decode(run(jpeg).jpeg).info["xmp"] == xmp.replace(b"6", b"1")


def test_ycck_becomes_cmyk() -> None:
    jpeg = KINDS["CMYK"].replace(b"Adobe\0d\0\0\0\0\0", b"Adobe\0d\0\0\0\0\x02")

    assert decode(jpeg).info["adobe_transform"] == 2

    after = decode(run(jpeg).jpeg)

    assert after.info["adobe_transform"] == 0
    assert mean_difference(photo_of(run(jpeg)), decode(jpeg)) < 6


@pytest.mark.parametrize("names", [b"RGB", b"\x01\x02\x03"])
def test_component_identifiers_tell_rgb_without_markers(names: bytes) -> None:
    jpeg = encode(picture(), keep_rgb=True)
    adobe = jpeg.index(b"\xff\xee")
    jpeg = jpeg[:adobe] + jpeg[adobe + 16 :]
    sof, sos = jpeg.index(b"\xff\xc0"), jpeg.index(b"\xff\xda")
    renamed = bytearray(jpeg)
    renamed[sof + 10 : sof + 19 : 3] = renamed[sos + 5 : sos + 11 : 2] = names

    assert mean_difference(photo_of(run(bytes(renamed))), decode(bytes(renamed))) < 6


def test_mpo_is_reduced_to_its_first_image() -> None:
    file = encode(picture(), quality=90)
    index = b"MPF\0MM\0*\0\0\0\x08\0\x01\xb0\x01\0\x04\0\0\0\x01\0\0\0\x02\0\0\0\0"
    jpeg = insert_segment(file, 0xE2, index) + encode(picture(32, 32))

    after = run(jpeg)

    assert mean_difference(photo_of(after), decode(file)) < 4
    assert b"MPF\0" not in after.jpeg


UNDECODABLE = {
    "empty": b"",
    "text": b"hello",
    "only SOI": b"\xff\xd8",
    "half a header": KINDS["4:2:0"][:200],
    "no scan data": KINDS["4:2:0"][: KINDS["4:2:0"].index(b"\xff\xda") + 14],
    "half the scan": encode(picture(256, 256), quality=95)[:SMALL],
    "12 bits": KINDS["4:2:0"].replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c"),
    "no lines": KINDS["4:2:0"].replace(b"\x08\0\x30\0\x40", b"\x08\0\0\0\x40"),
    "lossless": KINDS["4:2:0"].replace(b"\xff\xc0", b"\xff\xc3"),
    "no tables": KINDS["4:2:0"].replace(b"\xff\xdb", b"\xff\xe5"),
    "no frame": KINDS["4:2:0"].replace(b"\xff\xc0", b"\xff\xe5"),
}


@pytest.mark.parametrize("jpeg", UNDECODABLE.values(), ids=UNDECODABLE.keys())
def test_undecodable_file_is_rejected(jpeg: bytes) -> None:
    with pytest.raises(BadImage):
        run(jpeg)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF", "WEBP"])
def test_other_formats_are_rejected(kind: str) -> None:
    file = BytesIO()
    picture().save(file, kind)

    with pytest.raises(BadImage, match="not a readable JPEG"):
        run(file.getvalue())


def test_photo_over_max_pixels_is_rejected() -> None:
    jpeg = KINDS["4:2:0"].replace(b"\x08\0\x30\0\x40", b"\x08\xff\xdc\xff\xdc")

    with pytest.raises(BadImage, match="65500x65500 = 4290250000 pixels; at most 50000000"):
        run(jpeg, max_pixels=50_000_000)


def test_photo_of_max_pixels_is_captioned() -> None:
    assert run(KINDS["4:2:0"], max_pixels=64 * 48).width_px == 64


def test_image_too_high_for_the_format_is_rejected() -> None:
    jpeg = encode(Image.new("L", (1, 65_480)))

    with pytest.raises(BadImage, match="captioned image too large: 1x65504"):
        run(jpeg)


def exif(orientation: int, byte_order: str = "<") -> bytes:
    """An EXIF segment with a comment-like entry before the orientation."""
    header = b"Exif\0\0" + (b"II*\0" if byte_order == "<" else b"MM\0*")
    entries = [(0x010E, 2, 4, 0x6E6F), (ORIENTATION, 3, 1, orientation)]
    packed = b"".join(struct.pack(byte_order + "HHIHH", *entry, 0) for entry in entries)
    return header + struct.pack(byte_order + "IH", 8, len(entries)) + packed + bytes(4)
