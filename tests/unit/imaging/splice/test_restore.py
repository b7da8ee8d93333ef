"""Restoring of uploads, and metadata that a captioned file does not keep."""

import struct
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from tests.unit.imaging.builds import needs_default
from tests.unit.imaging.photos import decode, encode, insert_segment, picture, segments

from captiond.imaging import Captioner, NotRestorable, Style, restore
from captiond.imaging.errors import NotSpliceable
from captiond.imaging.jpeg.header import read_header
from captiond.imaging.splice.restore import Change, make_patch

VERSION_1 = (Path(__file__).parent / "captioned-version-1.jpg").read_bytes()
CAPTIONER = Captioner(Style())
JPEG = encode(picture())
TINY = encode(picture(16, 16))
MPF = b"MPF\0MM\0*\0\0\0\x08\0\x01\xb0\x01\0\4\0\0\0\1\0\0\0\2\0\0\0\0"
XMP = (
    b'http://ns.adobe.com/xap/1.0/\0<x xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0" '
    b'Item:Semantic="GainMap" xmp:Rating="5"/>'
)
ISO = b"urn:iso:std:iso:ts:21496:-1\0\0\0\0\0"
NAMES = (b"MPF\0", b"hdrgm", b"hdr-gain-map", b"GainMap", b"urn:iso:std:iso:ts:21496")
TURNED = [
    b"\0" + bytes(36) + struct.pack(">I", size) + struct.pack(">IIIBHI", *numbers)
    for size, numbers in [
        (4, (2**32 - 1, 2**32 - 1, 2**32 - 1, 1, 65_535, 2**32 - 1)),
        (2**32 - 1, (1, 0, 12, 0, 0, 0)),
        (2**32 - 1, (4, 2, 1, 0, 2, 0)),
        (2**32 - 1, (4, 2, 1, 0, 0, 9)),
        (2**32 - 1, (12, 1, 0, 1, 1, 0)),
    ]
]
FURTHER_IMAGES = {
    "MPF": insert_segment(JPEG, 0xE2, MPF) + TINY,
    "gain map by XMP": insert_segment(JPEG, 0xE1, XMP) + insert_segment(TINY, 0xE1, XMP),
    "gain map by ISO 21496-1": insert_segment(JPEG, 0xE2, ISO) + insert_segment(TINY, 0xE2, ISO),
    "all": insert_segment(insert_segment(insert_segment(JPEG, 0xE1, XMP), 0xE2, MPF), 0xE2, ISO)
    + insert_segment(insert_segment(TINY, 0xE1, XMP), 0xE2, ISO),
    "extended XMP": insert_segment(JPEG, 0xE1, b"http://ns.adobe.com/xmp/extension/\0" + XMP),
}


def test_file_of_version_1_is_restored() -> None:
    digest = sha256(restore(VERSION_1)).hexdigest()

    assert digest == "3b3fb44002d69681e9331f87fda2d23f240c7cb2a07dab6eb412a33962e11ac0"


def test_file_of_version_1_is_captioned_again_and_restored() -> None:
    assert restore(CAPTIONER.add_caption(VERSION_1, "again").jpeg) == VERSION_1


def test_altered_file_of_version_1_is_rejected() -> None:
    with pytest.raises(NotRestorable, match="altered"):
        restore(VERSION_1[:40] + b"\1" + VERSION_1[41:])


def test_restore_segment_has_the_sha256_of_the_upload() -> None:
    bodies = [body for _, body in segments(CAPTIONER.add_caption(JPEG, "7").jpeg)]

    assert [body for body in bodies if body.startswith(b"captiond2\0\0" + sha256(JPEG).digest())]


def test_known_digest_is_written_instead_of_computed() -> None:
    digest = sha256(JPEG).digest()

    assert CAPTIONER.add_caption(JPEG, "7", digest) == CAPTIONER.add_caption(JPEG, "7")


def test_sha256_is_verified() -> None:
    with pytest.raises(NotRestorable, match="altered"):
        restore(CAPTIONER.add_caption(JPEG, "7", bytes(32)).jpeg)


@pytest.mark.parametrize("data", [b"", b"\0", b"\0" + bytes(40) + b"\0", b"\1", b"\0" + bytes(40), *TURNED])
def test_invalid_restore_segment_is_rejected(data: bytes) -> None:
    with pytest.raises(NotRestorable):
        restore(insert_segment(JPEG, 0xEA, b"captiond2\0" + data))


def test_replaced_data_of_more_than_one_segment_are_restored() -> None:
    jpeg = JPEG + bytes(100_000)

    captioned = make_patch(jpeg, read_header(JPEG), Change(64, b"", len(JPEG), b"", len(jpeg))).apply(jpeg)

    names = [body[:11] for marker, body in segments(captioned) if marker == 0xEA]
    assert names == [b"captiond2\0\0", b"captiond2\0\1"]
    assert restore(captioned) == jpeg
    assert restore(CAPTIONER.add_caption(captioned, "again").jpeg) == captioned


def test_replaced_data_of_too_many_segments_are_rejected() -> None:
    header = read_header(JPEG)
    jpeg = JPEG + bytes(17 << 20)

    with pytest.raises(NotSpliceable, match="too much replaced data"):
        make_patch(jpeg, header, Change(64, b"", len(JPEG), b"", len(jpeg)))


@pytest.mark.parametrize("jpeg", FURTHER_IMAGES.values(), ids=FURTHER_IMAGES.keys())
def test_further_images_are_not_announced(jpeg: bytes) -> None:
    captioned = CAPTIONER.add_caption(jpeg, "7")

    assert captioned.reencode_reason is None
    assert list(_names_in(jpeg))
    assert not list(_names_in(captioned.jpeg))
    assert restore(captioned.jpeg) == jpeg


@needs_default
@pytest.mark.parametrize("jpeg", FURTHER_IMAGES.values(), ids=FURTHER_IMAGES.keys())
def test_further_images_are_not_announced_in_a_progressive_photo(jpeg: bytes) -> None:
    upload = jpeg.replace(JPEG[2:], encode(picture(), progressive=True)[2:])

    captioned = CAPTIONER.add_caption(upload, "7")

    assert captioned.reencode_reason is None
    assert not list(_names_in(captioned.jpeg))
    assert restore(captioned.jpeg) == upload


def test_further_image_itself_stays_in_the_file() -> None:
    captioned = CAPTIONER.add_caption(FURTHER_IMAGES["all"], "7").jpeg

    second = captioned[captioned.rindex(b"\xff\xd8") :]
    assert decode(second).tobytes() == decode(TINY).tobytes()
    assert b'xmp:Rating="5"' in captioned


def test_gain_map_names_elsewhere_are_unchanged() -> None:
    jpeg = insert_segment(JPEG, 0xFE, b"hdrgm") + b"hdrgm"

    captioned = CAPTIONER.add_caption(jpeg, "7").jpeg

    assert captioned.count(b"hdrgm") == 2


@pytest.mark.parametrize("jpeg", FURTHER_IMAGES.values(), ids=FURTHER_IMAGES.keys())
def test_further_images_are_not_announced_in_a_reencoded_photo(jpeg: bytes) -> None:
    captioned = CAPTIONER.add_caption(jpeg.replace(JPEG[2:], encode(picture(), keep_rgb=True)[2:]), "7")

    assert captioned.reencode_reason is not None
    assert not list(_names_in(captioned.jpeg))
    assert captioned.jpeg.count(b"\xff\xd8") == 1


def _names_in(jpeg: bytes) -> Iterator[bytes]:
    return (name for name in NAMES if name in jpeg)


def test_photo_with_too_many_names_of_gain_maps_is_reencoded() -> None:
    captioned = CAPTIONER.add_caption(FURTHER_IMAGES["gain map by XMP"] + b"hdrgm" * 1000, "x")

    assert captioned.reencode_reason == "more than 1000 names of gain maps"
