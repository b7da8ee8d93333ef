"""Photos to upload, each of another colour, and a check of their captioned images."""

import io
from dataclasses import dataclass

import httpx
from PIL import Image, ImageStat

WIDTH_PX, HEIGHT_PX = 640, 400  # whole MCUs, so that the strip starts at the end of the photo
BLACK, WHITE = 40, 200  # limits, because JPEG compression and antialiasing change the colours
COLOUR_TOLERANCE = 12


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo of one colour, and its description."""

    number: int
    description: str

    @property
    def colour(self) -> tuple[int, int, int]:
        return (60 + self.number * 37 % 180, 60 + self.number * 67 % 180, 60 + self.number * 97 % 180)

    def to_jpeg(self) -> bytes:
        buffer = io.BytesIO()
        Image.new("RGB", (WIDTH_PX, HEIGHT_PX), self.colour).save(buffer, "JPEG", quality=90)
        return buffer.getvalue()

    def post(self, client: httpx.Client) -> httpx.Response:
        return client.post(
            "/api/images",
            files={"image": ("photo.jpg", self.to_jpeg(), "image/jpeg")},
            data={"description": self.description},
        )

    def send(self, client: httpx.Client) -> str:
        """Upload the photo. Returns the image id."""
        response = self.post(client)
        assert response.status_code == httpx.codes.ACCEPTED, response.text
        image_id: str = response.json()["id"]
        return image_id

    def assert_captioned(self, jpeg: bytes) -> None:
        """Check that the photo is unchanged, and that a black strip with white text is below it."""
        with Image.open(io.BytesIO(jpeg)) as opened:
            picture = opened.convert("RGB")
        assert picture.width == WIDTH_PX
        assert picture.height > HEIGHT_PX

        photo = picture.crop((0, 0, WIDTH_PX, HEIGHT_PX))
        mean = ImageStat.Stat(photo).mean
        for found, sent in zip(mean, self.colour, strict=True):
            assert abs(found - sent) < COLOUR_TOLERANCE, (mean, self.colour)

        strip = picture.crop((0, HEIGHT_PX, WIDTH_PX, picture.height)).convert("L")
        ink = ImageStat.Stat(strip)
        darkest, lightest = ink.extrema[0]
        assert darkest < BLACK
        assert lightest > WHITE
        assert ink.median[0] < BLACK


def make_photos(count: int, words: str) -> list[Photo]:
    return [Photo(number, f"{words} {number}") for number in range(count)]
