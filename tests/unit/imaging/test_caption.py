import pytest
from tests.unit.imaging.photos import decode, encode, mean_difference, picture

from captiond.imaging import BadImage, Captioner, Style

CAPTION = "С начала фазы запрещающего сигнала прошло: 7 секунд"


def test_caption_is_below_the_photo() -> None:
    captioned = Captioner(Style()).add_caption(encode(picture(640, 480)), CAPTION)

    assert (captioned.width, captioned.height) == (640, 503)
    assert decode(captioned.jpeg).size == (640, 503)
    assert max(decode(captioned.jpeg).convert("L").crop((0, 482, 640, 503)).tobytes()) > 200


def test_strip_above_the_photo_is_extended_to_whole_mcus() -> None:
    photo = picture(640, 480)
    captioned = Captioner(Style(position="above")).add_caption(encode(photo, quality=95, subsampling=0), CAPTION)

    drawn = decode(captioned.jpeg)
    assert drawn.size == (captioned.width, captioned.height) == (640, 504)
    assert max(drawn.convert("L").crop((0, 0, 640, 21)).tobytes()) > 200
    assert mean_difference(drawn.crop((0, 24, 640, 504)), photo) < 3


def test_strip_above_a_progressive_photo_reencodes_it() -> None:
    photo = picture(640, 480)
    jpeg = encode(photo, quality=95, subsampling=0, progressive=True)

    captioned = Captioner(Style(position="above")).add_caption(jpeg, CAPTION)

    assert captioned.reencode_reason == "progressive photo with the strip at its top"
    assert mean_difference(decode(captioned.jpeg).crop((0, 24, 640, 504)), photo) < 3


def test_font_size_sets_the_strip_height() -> None:
    captioned = Captioner(Style(font_size_px=30)).add_caption(encode(picture(640, 480)), "слово")

    assert captioned.height == 480 + 8 + 36


def test_photo_over_max_pixels_is_rejected() -> None:
    with pytest.raises(BadImage, match="640x480 = 307200 pixels; at most 1000"):
        Captioner(Style(max_pixels=1000)).add_caption(encode(picture(640, 480)), CAPTION)


def test_captioning_is_deterministic() -> None:
    captioner, jpeg = Captioner(Style()), encode(picture(640, 480))

    assert captioner.add_caption(jpeg, CAPTION) == captioner.add_caption(jpeg, CAPTION)
