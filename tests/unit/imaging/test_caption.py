import pytest
from tests.unit.imaging.photos import decode, encode, mean_difference, picture

from captiond.imaging import BadImage, Captioner, Style

CAPTION = "С начала фазы запрещающего сигнала прошло: 7 секунд"


def test_a_caption_is_written_below_the_photo() -> None:
    captioned = Captioner(Style()).add_caption(encode(picture(640, 480)), CAPTION)

    assert (captioned.width, captioned.height) == (640, 503)
    assert decode(captioned.jpeg).size == (640, 503)
    assert max(decode(captioned.jpeg).convert("L").crop((0, 482, 640, 503)).tobytes()) > 200


def test_the_style_can_put_the_strip_above_the_photo() -> None:
    photo = picture(640, 480)
    captioned = Captioner(Style(position="above")).add_caption(encode(photo, quality=95, subsampling=0), CAPTION)

    drawn = decode(captioned.jpeg)
    assert captioned.reencode_reason == "the strip goes above the photo"
    assert drawn.size == (640, 503)
    assert max(drawn.convert("L").crop((0, 0, 640, 21)).tobytes()) > 200
    assert mean_difference(drawn.crop((0, 23, 640, 503)), photo) < 3


def test_the_style_sets_the_size_of_the_letters() -> None:
    captioned = Captioner(Style(font_size_px=30)).add_caption(encode(picture(640, 480)), "слово")

    assert captioned.height == 480 + 8 + 36


def test_the_style_sets_the_largest_photo() -> None:
    with pytest.raises(BadImage, match="307200 pixels"):
        Captioner(Style(max_pixels=1000)).add_caption(encode(picture(640, 480)), CAPTION)


def test_the_same_caption_twice_gives_the_same_file() -> None:
    captioner, jpeg = Captioner(Style()), encode(picture(640, 480))

    assert captioner.add_caption(jpeg, CAPTION) == captioner.add_caption(jpeg, CAPTION)
