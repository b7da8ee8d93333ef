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
from captiond.imaging.jpeg.segments import segment_bytes
from captiond.imaging.reencode.reencode import Reencoded, reencode

STRIP_PX = 24
FINE = [1] * 64
CHROMA = [2 + at for at in range(64)]
ORIENTATION = 0x0112
SHORT, LONG = 3, 4  # kinds of EXIF values
SMALL = 8 * 1024
TWO_COMPONENTS = b"\xff\xc0\0\x0b\x08\0\x30\0\x40\1\1\x11\0", b"\xff\xc0\0\x0e\x08\0\x30\0\x40\2\1\x11\0\2\x11\0"


def strip(width_px: int) -> Image.Image:
    """A black strip with a white bar in the middle."""
    image = Image.new("L", (width_px, STRIP_PX))
    image.paste(255, (0, 8, width_px, 16))
    return image


def run(jpeg: bytes, max_pixels: int = 1_000_000) -> Reencoded:
    return reencode(jpeg, strip, max_pixels)


def photo_of(reencoded: Reencoded) -> Image.Image:
    return decode(reencoded.jpeg).crop((0, 0, reencoded.width_px, reencoded.height_px - STRIP_PX))


def grey(image: Image.Image, y: int) -> int:
    """The luma of a pixel near the left side."""
    return image.convert("L").crop((9, y, 10, y + 1)).tobytes()[0]


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
@pytest.mark.parametrize("kind", [SHORT, LONG])
def test_strip_is_viewed_below_the_photo(orientation: int, byte_order: str, kind: int) -> None:
    tag = exif(orientation, byte_order, kind)
    jpeg = insert_segment(encode(picture(61, 47), quality=95, subsampling=0), 0xE1, tag)

    after = run(jpeg)

    before, viewed = (ImageOps.exif_transpose(decode(file)) for file in (jpeg, after.jpeg))
    assert viewed.size == (after.width_px, after.height_px) == (before.width, before.height + STRIP_PX)
    assert mean_difference(viewed.crop((0, 0, *before.size)), before) < 1.5
    assert [grey(viewed, before.height + y) // 100 for y in (4, 12, 20)] == [0, 2, 0]
    assert segments(after.jpeg)[0] == (0xE1, tag)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("subsampling", range(3))
def test_blocks_of_the_photo_keep_their_grid(orientation: int, subsampling: int) -> None:
    coarse = encode(picture(64, 48), qtables=[[16] * 64] * 2, subsampling=subsampling)
    jpeg = insert_segment(coarse, 0xE1, exif(orientation))

    after = run(jpeg)

    before, viewed = (ImageOps.exif_transpose(decode(file)) for file in (jpeg, after.jpeg))
    luma = [image.crop((0, 0, before.width, before.height - 4)).convert("L") for image in (before, viewed)]
    assert mean_difference(*luma) < 0.01


@pytest.mark.parametrize("orientation", range(1, 9))
def test_strip_above_is_viewed_above_the_photo(orientation: int) -> None:
    jpeg = insert_segment(encode(picture(61, 47), quality=95, subsampling=0), 0xE1, exif(orientation))

    after = reencode(jpeg, strip, 1_000_000, "above")

    before, viewed = (ImageOps.exif_transpose(decode(file)) for file in (jpeg, after.jpeg))
    assert viewed.size == (after.width_px, after.height_px) == (before.width, before.height + STRIP_PX)
    assert mean_difference(viewed.crop((0, STRIP_PX, *viewed.size)), before) < 1.5
    assert [grey(viewed, y) // 100 for y in (4, 12, 20)] == [0, 2, 0]


def test_strip_before_the_photo_is_extended_to_whole_mcus() -> None:
    jpeg = insert_segment(encode(picture(), subsampling=2), 0xE1, exif(3))

    after = reencode(jpeg, lambda width_px: Image.new("L", (width_px, 17), 70), 1_000_000)

    assert after.height_px == 48 + 32
    assert abs(grey(decode(after.jpeg), 3) - 70) < 3


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


def test_orientation_in_xmp_is_unchanged() -> None:
    xmp = b'<rdf tiff:Orientation="6"/>'
    jpeg = insert_segment(encode(picture(), xmp=xmp), 0xE1, exif(6))

    assert decode(run(jpeg).jpeg).info["xmp"] == xmp


@pytest.mark.parametrize("more", [b"", b"\x03\0\x10\x03\x02"])
def test_ycck_becomes_cmyk(more: bytes) -> None:
    jpeg = adobe(KINDS["CMYK"], b"\2" + more)

    after = decode(run(jpeg).jpeg)

    assert after.info["adobe_transform"] == 0
    assert mean_difference(photo_of(run(jpeg)), decode(jpeg)) < 6
    assert segments(run(jpeg).jpeg)[0] == (0xEE, b"Adobe\0d\0\0\0\0\0" + more)


def test_cmyk_without_adobe_marker_keeps_its_colours() -> None:
    jpeg = KINDS["CMYK"].replace(b"Adobe", b"other")

    after = run(jpeg)

    assert mean_difference(photo_of(after), decode(jpeg)) < 6
    assert grey(strip_of(after), 2) < 12


@pytest.mark.parametrize("transform", [1, 2, 7])
def test_three_components_with_an_adobe_transform_are_ycbcr(transform: int) -> None:
    jpeg = adobe(encode(picture(), keep_rgb=True), bytes([transform]))

    after = run(jpeg)

    assert mean_difference(photo_of(after), decode(jpeg)) < 6
    assert strip_of(after).convert("HSV").getextrema()[1] == (0, 0)


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


BASELINE = KINDS["4:2:0"]
UNDECODABLE = {
    "empty": (b"", "not a readable JPEG: no start of image"),
    "text": (b"hello", "not a readable JPEG: no start of image"),
    "only SOI": (b"\xff\xd8", "missing marker"),
    "half a header": (BASELINE[:200], "truncated segment"),
    "no scan data": (BASELINE[: BASELINE.index(b"\xff\xda") + 14], "truncated file"),
    "half the scan": (encode(picture(256, 256), quality=95)[:SMALL], "truncated file"),
    "12 bits": (BASELINE.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c"), "12-bit samples"),
    "progressive of 12 bits": (BASELINE.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc2\0\x11\x0c"), "12-bit samples"),
    "no lines": (BASELINE.replace(b"\x08\0\x30\0\x40", b"\x08\0\0\0\x40"), r"height 0 .* \(DNL marker\)"),
    "no width": (BASELINE.replace(b"\x08\0\x30\0\x40", b"\x08\0\x30\0\0"), "width 0"),
    "two components": (encode(picture(mode="L")).replace(*TWO_COMPONENTS), "2 components"),
    "DCT frame as lossless": (BASELINE.replace(b"\xff\xc0", b"\xff\xc3"), r"lossless JPEG \(SOF3\)"),
    "hierarchical": (BASELINE.replace(b"\xff\xc0", b"\xff\xc5"), "hierarchical JPEG"),
    "lossless arithmetic": (BASELINE.replace(b"\xff\xc0", b"\xff\xcb"), "lossless JPEG with arithmetic coding"),
    "JPEG-LS": (BASELINE.replace(b"\xff\xc0", b"\xff\xf7"), "JPEG-LS"),
    "no tables": (BASELINE.replace(b"\xff\xdb", b"\xff\xe5"), "missing quantisation table"),
    "no frame": (BASELINE.replace(b"\xff\xc0", b"\xff\xe5"), "0 frame headers"),
    "invalid Huffman table": (
        BASELINE.replace(b"\xff\xc4\0\x1f\0\0\1", b"\xff\xc4\0\x1f\0\3\1"),
        "invalid Huffman table",
    ),
    "65501 pixels wide": (BASELINE.replace(b"\x08\0\x30\0\x40", b"\x08\0\x08\xff\xdd"), "65501x8; at most 65500 px"),
}


@pytest.mark.parametrize(("jpeg", "reason"), UNDECODABLE.values(), ids=UNDECODABLE.keys())
def test_undecodable_file_is_rejected_with_its_reason(jpeg: bytes, reason: str) -> None:
    with pytest.raises(BadImage, match=reason):
        run(jpeg)


def test_lossless_jpeg_is_reencoded_with_fine_quantisation() -> None:
    after = decode(run(lossless()).jpeg)

    assert isinstance(after, JpegImageFile)
    assert after.quantization == {0: [1] * 64}
    assert after.crop((0, 0, 8, 8)).getextrema() == (128, 128)


def test_lossless_jpeg_of_unknown_colours_is_rejected() -> None:
    with pytest.raises(BadImage, match=r"lossless JPEG \(SOF3\)"):
        run(lossless(components=3))


def test_photo_of_the_largest_width_is_captioned() -> None:
    jpeg = encode(Image.new("L", (65_500, 8)))

    assert run(jpeg).width_px == 65_500


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF", "WEBP"])
def test_other_formats_are_rejected(kind: str) -> None:
    file = BytesIO()
    picture().save(file, kind)

    with pytest.raises(BadImage, match="not a readable JPEG: no start of image"):
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


def exif(orientation: int, byte_order: str = "<", kind: int = SHORT) -> bytes:
    """An EXIF segment with a comment-like entry before the orientation."""
    header = b"Exif\0\0" + (b"II*\0" if byte_order == "<" else b"MM\0*")
    value = struct.pack(byte_order + ("HH" if kind == SHORT else "I"), *[orientation, 0][: 2 if kind == SHORT else 1])
    entries = struct.pack(byte_order + "HHIHH", 0x010E, 2, 4, 0x6E6F, 0)
    entries += struct.pack(byte_order + "HHI", ORIENTATION, kind, 1) + value
    return header + struct.pack(byte_order + "IH", 8, 2) + entries + bytes(4)


def adobe(jpeg: bytes, transform: bytes) -> bytes:
    """The file with an Adobe segment that ends in `transform` instead of its own, and without a JFIF segment."""
    kept = [segment for segment in segments(jpeg) if segment[0] not in (0xE0, 0xEE)]
    body = b"Adobe\0d\0\0\0\0" + transform
    start = jpeg.index(b"\xff\xda")
    scan = jpeg[start + 2 + len(kept[-1][1]) + 2 :]
    return b"\xff\xd8" + b"".join(segment_bytes(*segment) for segment in [(0xEE, body), *kept]) + scan


def lossless(components: int = 1) -> bytes:
    """A lossless JPEG of 8x8 samples of 128: each difference is zero, and coded in one bit."""
    ids = range(1, components + 1)
    frame = struct.pack(">BHHB", 8, 8, 8, components) + b"".join(bytes([name, 0x11, 0]) for name in ids)
    table = b"\0" + bytes([1, 1]) + bytes(14) + b"\0\1"
    scan = bytes([components]) + b"".join(bytes([name, 0]) for name in ids) + b"\1\0\0"
    parts = [(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"), (0xC3, frame), (0xC4, table), (0xDA, scan)]
    return b"\xff\xd8" + b"".join(segment_bytes(*part) for part in parts) + bytes(8 * components) + b"\xff\xd9"
