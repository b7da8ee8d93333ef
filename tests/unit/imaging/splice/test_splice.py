"""Lossless captions, and photos that cannot be captioned losslessly."""

from collections.abc import Iterator

import pytest
from PIL import Image, ImageOps
from tests.unit.imaging.coefficients import FLAT_AC, FLAT_DC, read_planes, recode, widen_tables
from tests.unit.imaging.photos import decode, encode, insert_segment, mean_difference, picture

from captiond.imaging import BadImage, Captioned, Captioner, NotRestorable, Style, restore
from captiond.imaging.jpeg.header import SOF1, read_header
from captiond.imaging.jpeg.huffman import STANDARD_AC, STANDARD_DC
from captiond.imaging.jpeg.native import default_build, is_native
from captiond.imaging.jpeg.segments import segment_bytes

CAPTION = "С начала фазы запрещающего сигнала прошло: 7 секунд"
TALL = "\n".join(["Щ"] * 8)


@pytest.fixture(scope="module", params=["default", "unchecked", "interpreted"])
def captioner(request: pytest.FixtureRequest) -> Iterator[Captioner]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        if request.param == "interpreted":
            monkeypatch.setenv("CAPTIOND_NATIVE", "0")
        default_build.cache_clear()
        yield Captioner(Style(check_damage=request.param != "unchecked"))
    default_build.cache_clear()


def grey_with_factors(factors: int) -> bytes:
    jpeg = bytearray(encode(picture(mode="L")))
    jpeg[jpeg.index(b"\xff\xc0") + 11] = factors
    return bytes(jpeg)


def with_factors(luma: int, chroma: int = 0x11) -> bytes:
    """A colour JPEG of any sampling, whose scan is that of a grey one."""
    blocks = [(luma >> 4) * (luma & 15), *[(chroma >> 4) * (chroma & 15)] * 2]
    side = 8 * (luma >> 4), 8 * (luma & 15)
    size = (side[0] * 3, side[1] * 2)
    grey = encode(picture(8 * 6 * sum(blocks), 8, mode="L"))
    header = read_header(grey)
    flat = recode(grey)
    scan = flat[read_header(flat).scan_start :]
    names = bytes([3, 1, luma, 0, 2, chroma, 0, 3, chroma, 0])
    sizes = size[1].to_bytes(2, "big") + size[0].to_bytes(2, "big")
    tables = b"\0" + FLAT_DC + b"\x10" + FLAT_AC
    return b"".join(
        (
            b"\xff\xd8",
            *(segment_bytes(s.marker, s.body) for s in header.segments if s.marker in (0xE0, 0xDB)),
            segment_bytes(0xC0, b"\x08" + sizes + names),
            segment_bytes(0xC4, tables),
            segment_bytes(0xDA, bytes([3, 1, 0, 2, 0, 3, 0, 0, 63, 0])),
            scan,
        )
    )


def orientation(value: int) -> bytes:
    """An EXIF segment with an orientation."""
    return b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0" + bytes([value]) + bytes(6)


def without_tables(jpeg: bytes) -> bytes:
    """The file without DHT segments, as in Motion JPEG."""
    tables = [s for s in read_header(jpeg).segments if s.marker == 0xC4]
    return jpeg[: tables[0].start] + jpeg[tables[-1].end :]


AC_SYMBOLS = sorted(STANDARD_AC[0][16:], key=lambda symbol: (symbol >> 4) + (symbol & 15))
FULL_AC = bytes([0, 0, 0, 0, 0, 60, 7, *[1] * 9, *AC_SYMBOLS[:76]])  # no room for the other 86 symbols
SMOOTH = Image.linear_gradient("L").resize((96, 47))
RGB = picture(96, 64)
CMYK = encode(RGB.convert("CMYK"))
SAMPLINGS = {
    "4:4:4": encode(RGB, subsampling=0),
    "4:2:2": encode(RGB, subsampling=1),
    "4:2:0": encode(RGB, subsampling=2),
    "4:4:0": with_factors(0x12),
    "4:1:1": with_factors(0x41),
    "4:1:0": with_factors(0x42),
    "grey": encode(RGB.convert("L")),
    "grey with factors": grey_with_factors(0x22),
}
SPLICED = {
    **SAMPLINGS,
    "chroma of two blocks": with_factors(0x22, 0x21),
    "SOF1": encode(RGB).replace(b"\xff\xc0", bytes((0xFF, SOF1))),
    "4:4:0, standard tables": recode(with_factors(0x12), dc=STANDARD_DC[0], ac=STANDARD_AC[0]),
    "other Huffman tables": recode(encode(RGB)),
    "other Huffman tables, grey": recode(encode(RGB.convert("L"))),
    "other Huffman tables for DC alone": recode(encode(RGB), ac=STANDARD_AC[0]),
    "other Huffman tables for AC alone": recode(encode(RGB), dc=STANDARD_DC[0]),
    "optimised tables": encode(RGB, optimize=True),
    "optimised tables, flat": encode(Image.new("RGB", (32, 32), (99, 120, 40)), optimize=True),
    "optimised tables, grey": encode(RGB.convert("L"), optimize=True),
    "optimised tables, odd height": encode(picture(40, 39), optimize=True),
    "16-bit quantisation": widen_tables(encode(RGB)),
    "restarts every row": encode(RGB, restart_marker_rows=1),
    "restarts every 2 MCUs": encode(RGB, restart_marker_blocks=2),
    "restarts every 3 rows": encode(picture(96, 16 * 9), restart_marker_rows=3),
    "restarts and other tables": recode(encode(RGB), interval=8),
    "restart interval that does not divide the photo": encode(RGB, restart_marker_blocks=5),
    "restart interval that does not divide the photo, other tables": recode(encode(RGB), interval=7),
    "restart interval longer than the photo": encode(RGB, restart_marker_blocks=1000),
    "fine quantisation": encode(RGB, qtables=[[1] * 64] * 2, subsampling=0),
    "coarse quantisation": encode(RGB, quality=1),
    "tiny": encode(picture(16, 16)),
    "one pixel": encode(picture(1, 1)),
    "narrow": encode(picture(3, 64)),
    "two images": encode(RGB) + encode(picture(32, 32)),
    "a thumbnail in EXIF": insert_segment(encode(RGB), 0xE1, b"Exif\0\0II*\0\x08" + bytes(9) + encode(picture(16, 16))),
    "fill bytes before markers": encode(RGB)
    .replace(b"\xff\xdb", b"\xff\xff\xff\xdb")
    .replace(b"\xff\xda", b"\xff\xff\xda"),
    "fill bytes before EOI": encode(RGB)[:-2] + b"\xff\xff\xff\xd9tail",
    "fill bytes before a restart": encode(RGB, restart_marker_blocks=4).replace(b"\xff\xd3", b"\xff\xff\xd3"),
    "tables in one segment": encode(RGB),
    "Adobe": insert_segment(encode(RGB), 0xEE, b"Adobe\0d\0\0\0\0\x01"),
    "Adobe transform 2": insert_segment(encode(RGB), 0xEE, b"Adobe\0d\0\0\0\0\x02"),
    "CMYK": CMYK,
    "CMYK, odd height": encode(picture(40, 39, "CMYK")),
    "CMYK, other Huffman tables": recode(CMYK),
    "YCCK": CMYK.replace(b"Adobe\0d\0\0\0\0\0", b"Adobe\0d\0\0\0\0\2"),
    "viewed mirrored": insert_segment(encode(RGB), 0xE1, orientation(2)),
    "surplus SOI": b"\xff\xd8" * 3 + encode(RGB)[2:],
    "surplus SOI and fill bytes": b"\xff\xd8\xff\xd8\xff\xff" + encode(picture(40, 39))[2:],
    "no Huffman tables": without_tables(encode(RGB)),
    "no Huffman tables, odd height": without_tables(encode(picture(40, 39))),
    "no Huffman tables, grey": without_tables(encode(RGB.convert("L"))),
    "no EOI": encode(RGB)[:-2],
    "no EOI, odd height": encode(picture(40, 39))[:-2],
    "half an EOI": encode(picture(40, 39))[:-1],
    "surplus restart marker": encode(RGB, restart_marker_blocks=4)[:-2] + b"\xff\xd5\xff\xd9",
    "surplus restart marker, odd height": encode(picture(40, 39))[:-2] + b"\xff\xd0\xff\xd9",
    "surplus padding": encode(RGB)[:-2] + b"\xff\0\xff\xd9",
    "surplus padding, odd height": recode(encode(picture(40, 39)))[:-2] + b"\xff\0\xff\0\xff\xd9",
    "surplus padding in each interval": encode(RGB, restart_marker_blocks=4)
    .replace(b"\xff\xd2", b"\xff\0\xff\xd2")
    .replace(b"\xff\xd4", b"\xff\0\xff\xd4"),
    "seam row too long for one segment": encode(Image.effect_noise((9000, 15), 120), quality=100),
    "missing symbols in full tables": recode(encode(SMOOTH.crop((0, 0, 96, 40))), ac=FULL_AC),
    "missing symbols in full tables, odd height": recode(encode(SMOOTH), ac=FULL_AC),
    "65535 MCUs": encode(Image.new("L", (8 * 255, 8 * 257), 99)),
    "65536 MCUs": encode(Image.new("L", (8 * 256, 8 * 256), 99)),
    **{
        f"height {height}, {name}": encode(picture(40, height), **options)
        for height in (33, 39, 40, 41, 47)
        for name, options in {
            "4:4:4": {"subsampling": 0},
            "4:2:2": {"subsampling": 1},
            "4:2:0": {"subsampling": 2},
            "4:2:0 with restarts every row": {"subsampling": 2, "restart_marker_rows": 1},
            "4:2:0 with restarts every 2 MCUs": {"subsampling": 2, "restart_marker_blocks": 2},
        }.items()
    },
    "height 15, 4:2:0": encode(picture(40, 15)),
    "height 39, other tables": recode(encode(picture(40, 39))),
    "height 39, grey": encode(picture(40, 39, "L")),
}


def caption(captioner: Captioner, jpeg: bytes, text: str = CAPTION) -> Captioned:
    captioned = captioner.add_caption(jpeg, text)
    if not is_native() and "too long for the interpreted decoder" in (captioned.reencode_reason or ""):
        pytest.skip("not possible here: long scan")
    assert captioned.reencode_reason is None
    return captioned


def normalise(jpeg: bytes) -> bytes:
    """The file without surplus start of image and with an end, for decoders that need it so."""
    while jpeg.startswith(b"\xff\xd8\xff\xd8"):
        jpeg = jpeg[2:]
    return jpeg + b"\xff\xd9"


@pytest.mark.parametrize("jpeg", SPLICED.values(), ids=SPLICED.keys())
def test_coefficients_of_the_photo_are_unchanged(captioner: Captioner, jpeg: bytes) -> None:
    header = read_header(jpeg)
    before, after = read_planes(jpeg), read_planes(caption(captioner, jpeg).jpeg)

    for component, old, new in zip(header.components, before, after, strict=True):
        lines = -(-header.height_px * component.down * 8 // header.mcu_height_px)
        whole = len(old) if header.height_px % header.mcu_height_px == 0 else lines // 8
        assert new[:whole] == old[:whole]
        assert len(old) - whole <= component.down


@pytest.mark.parametrize("jpeg", SPLICED.values(), ids=SPLICED.keys())
def test_pillow_decodes_photo_and_caption(captioner: Captioner, jpeg: bytes) -> None:
    header = read_header(jpeg)
    captioned = caption(captioner, jpeg)
    before, after = decode(normalise(jpeg)).convert("RGB"), decode(captioned.jpeg).convert("RGB")

    assert after.size == (captioned.width, captioned.height)
    assert (captioned.width, captioned.height) > before.size
    exact = (0, 0, before.width, (before.height - 1) // header.mcu_height_px * header.mcu_height_px - 2)
    if exact[3] > 0:
        assert after.crop(exact).tobytes() == before.crop(exact).tobytes()
    drawn = after.convert("L").crop((0, before.height + 2, after.width, after.height))
    levels = sorted(drawn.tobytes())
    assert levels[len(levels) // 3] < 40
    assert levels[-1] > 130 or before.width < 8


@pytest.mark.parametrize("jpeg", SPLICED.values(), ids=SPLICED.keys())
def test_upload_is_restored_byte_for_byte(captioner: Captioner, jpeg: bytes) -> None:
    assert restore(caption(captioner, jpeg).jpeg) == jpeg


@pytest.mark.parametrize("jpeg", SPLICED.values(), ids=SPLICED.keys())
def test_strip_higher_than_the_photo_is_spliced(captioner: Captioner, jpeg: bytes) -> None:
    captioned = caption(captioner, jpeg, TALL * 3)

    assert decode(captioned.jpeg).size == (captioned.width, captioned.height)
    assert restore(captioned.jpeg) == jpeg


@pytest.mark.parametrize("jpeg", SPLICED.values(), ids=SPLICED.keys())
@pytest.mark.usefixtures("captioner")
def test_strip_lower_than_the_mcu_padding_is_spliced(jpeg: bytes) -> None:
    captioned = caption(Captioner(Style(font_size_px=1)), jpeg, "")

    assert decode(captioned.jpeg).size == (captioned.width, captioned.height)
    assert restore(captioned.jpeg) == jpeg


def test_captioned_photo_can_be_captioned_again_and_restored(captioner: Captioner) -> None:
    once = caption(captioner, encode(RGB)).jpeg
    twice = caption(captioner, once, "ещё").jpeg

    assert restore(twice) == once
    assert restore(restore(twice)) == encode(RGB)


def test_metadata_is_unchanged(captioner: Captioner) -> None:
    jpeg = encode(RGB, comment=b"north gate", dpi=(300, 300), xmp=b"<x/>", icc_profile=b"profile" * 9000)
    jpeg = insert_segment(jpeg, 0xE1, b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x01\0\0\0\0\0\0\0")
    metadata = {(s.marker, s.body) for s in read_header(jpeg).segments if s.marker >= 0xE0}

    after = caption(captioner, jpeg).jpeg

    assert metadata < {(s.marker, s.body) for s in read_header(after).segments}
    assert decode(after).info["icc_profile"] == b"profile" * 9000


REENCODED = {
    "CMYK without an Adobe marker": (CMYK.replace(b"Adobe", b"other"), "CMYK without an Adobe marker"),
    "RGB": (encode(RGB, keep_rgb=True), "colour space other than YCbCr"),
    "missing symbols in full tables": (
        recode(
            encode(Image.new("L", (32, 32), 99)),
            ac=bytes([1] * 16) + bytes([0, *range(0xE1, 0xEA), *range(0xF1, 0xF7)]),
        ),
        "Huffman table lacks AC symbol",
    ),
    "misnumbered restart marker": (
        encode(RGB, restart_marker_blocks=4).replace(b"\xff\xd1", b"\xff\xd2"),
        "marker 0xFFD2 in the scan",
    ),
    "too few restart markers": (
        encode(RGB).replace(b"\xff\xda", b"\xff\xdd\0\4\0\4\xff\xda"),
        "1 restart intervals instead of 6",
    ),
}


@pytest.mark.parametrize(("jpeg", "reason"), REENCODED.values(), ids=REENCODED.keys())
def test_unspliceable_photo_is_reencoded_with_a_reason(captioner: Captioner, jpeg: bytes, reason: str) -> None:
    captioned = captioner.add_caption(jpeg, CAPTION)

    assert captioned.reencode_reason is not None
    assert reason in captioned.reencode_reason
    assert ImageOps.exif_transpose(decode(captioned.jpeg)).size == (captioned.width, captioned.height)
    with pytest.raises(NotRestorable):
        restore(captioned.jpeg)


def test_interpreted_decoder_reads_short_scans_only(captioner: Captioner) -> None:
    captioned = captioner.add_caption(encode(Image.effect_noise((200, 205), 120), quality=95), CAPTION)

    if is_native():
        assert captioned.reencode_reason is None
    else:
        assert captioned.reencode_reason is not None
        assert "too long for the interpreted decoder; install captiond with a C compiler" in captioned.reencode_reason


def test_large_photo_is_spliced(captioner: Captioner) -> None:
    captioned = captioner.add_caption(encode(Image.effect_noise((1400, 1405), 120), quality=100), CAPTION)

    assert (captioned.reencode_reason is None) == is_native()


def test_photo_too_high_with_its_strip_is_rejected(captioner: Captioner) -> None:
    with pytest.raises(BadImage, match="captioned image too large: 8x65504"):
        captioner.add_caption(encode(Image.new("L", (8, 65_481))), "")


def test_photo_wider_than_libjpeg_decodes_is_reencoded(captioner: Captioner) -> None:
    captioned = captioner.add_caption(encode(Image.new("RGB", (65_500, 8))), CAPTION)

    assert captioned.reencode_reason == "photo too wide"
    assert decode(captioned.jpeg).size == (65_500, captioned.height)


def test_mirrored_photo_has_a_mirrored_strip(captioner: Captioner) -> None:
    mirrored = caption(captioner, SPLICED["viewed mirrored"])
    straight = caption(captioner, encode(RGB))

    strips = [decode(file.jpeg).crop((0, 66, 96, straight.height)) for file in (mirrored, straight)]
    assert mean_difference(ImageOps.mirror(strips[0]), strips[1]) < 2


@pytest.mark.parametrize(
    "jpeg",
    [
        encode(RGB),
        encode(RGB, qtables=[[1] * 64, [2] * 64]),
        recode(encode(RGB)),
        SPLICED["4:1:0"],
        encode(RGB.convert("L")),
        encode(picture(40, 39)),
        encode(RGB, progressive=True),
        encode(RGB.convert("CMYK")),
    ],
    ids=["standard", "fine", "other tables", "4:1:0", "grey", "odd height", "progressive", "CMYK"],
)
def test_strip_has_the_colours_of_the_style(jpeg: bytes) -> None:
    style = Style(text_colour="yellow", strip_colour="#004080", font_size_px=30)

    captioned = Captioner(style).add_caption(jpeg, "Щ")

    after = decode(captioned.jpeg).convert("RGB")
    background = after.getpixel((after.width - 2, after.height - 2))
    expected = (0, 64, 128) if decode(jpeg).mode != "L" else (52, 52, 52)
    assert isinstance(background, tuple)
    assert max(abs(a - b) for a, b in zip(background, expected, strict=True)) < 14


def test_coloured_strip_with_different_chroma_quantisation() -> None:
    jpeg = encode(RGB)
    header = read_header(jpeg)
    third = segment_bytes(0xDB, b"\2" + bytes([9] * 64))
    jpeg = (
        jpeg[: header.height_offset + 13]
        + b"\2"
        + jpeg[header.height_offset + 14 : header.sos_start]
        + third
        + jpeg[header.sos_start :]
    )

    captioned = Captioner(Style(strip_colour="#004080")).add_caption(jpeg, "Щ")

    assert captioned.reencode_reason is None
    background = decode(captioned.jpeg).getpixel((94, captioned.height - 2))
    assert isinstance(background, tuple)
    assert max(abs(a - b) for a, b in zip(background, (0, 64, 128), strict=True)) < 14
