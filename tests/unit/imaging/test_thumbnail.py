"""Thumbnails of every kind of JPEG."""

from io import BytesIO
from random import Random

import pytest
from PIL import Image, ImageCms, ImageFile
from tests.unit.imaging.photos import decode, encode, insert_segment, mean_difference, picture, segments

from captiond.imaging import NoThumbnail, make_thumbnail
from captiond.imaging.placement import place

MAX_PIXELS = 1_000_000
GREY = 128


def thumbnail(jpeg: bytes, max_pixels: int = MAX_PIXELS) -> Image.Image:
    made = decode(make_thumbnail(BytesIO(jpeg), max_pixels))
    assert made.format == "JPEG"
    return made


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((640, 496), (320, 248)),
        ((700, 300), (320, 137)),
        ((300, 900), (107, 320)),
        ((320, 200), (320, 200)),
        ((50, 40), (50, 40)),
        ((1, 1), (1, 1)),
        ((5000, 1), (320, 1)),
        ((1, 5000), (1, 320)),
    ],
)
def test_longest_side_is_at_most_320_pixels(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert thumbnail(encode(Image.new("RGB", size, "teal"))).size == expected


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": "4:4:4"}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_thumbnail_shows_the_whole_picture(mode: str, options: dict[str, object]) -> None:
    photo = picture(700, 500, mode)

    made = thumbnail(encode(photo, quality=90, **options))

    assert made.mode == mode
    assert mean_difference(made, photo.resize(made.size)) < 8


def test_cmyk_photo_gets_an_rgb_thumbnail() -> None:
    photo = picture(700, 500)

    made = thumbnail(encode(photo.convert("CMYK"), quality=90))

    assert made.mode == "RGB"
    assert mean_difference(made, photo.resize(made.size)) < 8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_thumbnail_is_turned_as_viewers_show_the_image(orientation: int) -> None:
    viewed = picture(640, 480)
    placement = place(orientation, "below")
    stored = placement.turn(viewed, (8, 8)).resize(placement.viewed((640, 480)))

    made = thumbnail(encode(stored, quality=90, exif=exif(orientation)))

    assert made.size == (320, 240)
    assert mean_difference(made, viewed.resize(made.size)) < 8
    assert not made.getexif()


def test_rest_of_a_truncated_photo_is_grey() -> None:
    photo = picture(640, 480)
    jpeg = encode(photo, quality=90)

    made = thumbnail(jpeg[: len(jpeg) // 2])

    top, expected = (image.crop((0, 0, 320, 80)) for image in (made, photo.resize(made.size)))
    assert mean_difference(top, expected) < 8
    assert {made.getpixel((x, 239)) for x in range(0, 320, 20)} == {(GREY, GREY, GREY)}
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_damaged_photos_get_a_thumbnail_or_a_reason() -> None:
    jpeg = encode(picture(), quality=90, optimize=True)
    random_ = Random(1)  # noqa: S311 - the same damage in each run
    made, reasons = 0, set()
    for _ in range(500):
        damaged = bytearray(jpeg)
        for _ in range(random_.randrange(1, 6)):
            damaged[random_.randrange(len(damaged))] = random_.randrange(256)
        try:
            made += thumbnail(bytes(damaged)).width > 0
        except NoThumbnail as error:
            reasons.add(str(error).partition(" has ")[0])

    assert made > 200
    assert {"the file", "the compressed data cannot be decoded"} <= reasons


@pytest.mark.parametrize("jpeg", [b"", b"\xff\xd8", b"no JPEG", encode(picture())[:100]])
def test_file_without_a_header_has_no_thumbnail(jpeg: bytes) -> None:
    with pytest.raises(NoThumbnail, match="has no"):
        make_thumbnail(BytesIO(jpeg), MAX_PIXELS)


def test_file_without_a_scan_has_no_thumbnail() -> None:
    jpeg = encode(picture())

    with pytest.raises(NoThumbnail, match="the file has no compressed data"):
        make_thumbnail(BytesIO(jpeg[: jpeg.index(b"\xff\xda")] + b"\xff\xd9"), MAX_PIXELS)


def test_error_before_the_first_pixel_gives_no_thumbnail() -> None:
    jpeg = encode(picture())
    tables = jpeg.index(b"\xff\xc4")

    with pytest.raises(NoThumbnail, match="the compressed data cannot be decoded"):
        make_thumbnail(BytesIO(jpeg[: tables + 5] + b"\xff" * 16 + jpeg[tables + 21 :]), MAX_PIXELS)


def test_image_with_more_pixels_than_the_limit_is_not_decoded() -> None:
    jpeg = encode(picture(64, 48))
    assert thumbnail(jpeg, 64 * 48).size == (64, 48)

    with pytest.raises(NoThumbnail, match="the image has 64x48 pixels; at most 3071 are decoded"):
        make_thumbnail(BytesIO(jpeg), 64 * 48 - 1)


def test_further_images_after_the_photo_are_ignored() -> None:
    photo = insert_segment(encode(picture(640, 480), quality=90), 0xE2, b"MPF\0" + b"MM\0*" + bytes(60))

    made = thumbnail(photo + encode(Image.new("L", (320, 240), "white")))

    assert mean_difference(made, picture(640, 480).resize(made.size)) < 8


def test_small_colour_profile_is_the_only_metadata() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert len(profile) < 4096
    jpeg = encode(picture(640, 480), icc_profile=profile, comment=b"comment", exif=exif(1), dpi=(300, 300))

    made = make_thumbnail(BytesIO(jpeg), MAX_PIXELS)

    assert decode(made).info["icc_profile"] == profile
    assert {marker for marker, _ in segments(made)} & {0xE1, 0xFE} == set()
    assert decode(made).info.get("dpi") is None


def test_large_colour_profile_is_omitted() -> None:
    jpeg = encode(picture(640, 480), icc_profile=bytes(5000))

    assert "icc_profile" not in thumbnail(jpeg).info
