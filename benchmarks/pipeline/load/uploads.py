"""Request bodies: multipart forms with a frame of about 60 KB and a Russian caption. All differ."""

import random
from dataclasses import dataclass
from pathlib import Path

from benchmarks.inputs.frames import encode, make_frames
from benchmarks.inputs.texts import RUSSIAN, write_caption
from PIL import Image, ImageChops

BOUNDARY = "----pipeline-of-captions"
_SHORTEST, _LONGEST = 20, 150  # characters of a caption
_FRAME_BYTES = 60_000
_QUALITIES = range(70, 96)


@dataclass(frozen=True, slots=True)
class Upload:
    """The content of one form."""

    jpeg: bytes
    text: str

    def body(self) -> bytes:
        """Encode the form as a browser does."""
        lines = (
            f"--{BOUNDARY}",
            'Content-Disposition: form-data; name="description"',
            "",
            self.text,
            f"--{BOUNDARY}",
            'Content-Disposition: form-data; name="image"; filename="frame.jpg"',
            "Content-Type: image/jpeg",
            "",
            "",
        )
        return "\r\n".join(lines).encode() + self.jpeg + f"\r\n--{BOUNDARY}--\r\n".encode()


def make_uploads(count: int, seed: int = 1) -> list[Upload]:
    """Make uploads from drawn scenes, each shifted further. The same seed gives the same uploads."""
    choices = random.Random(seed)
    scenes = [(scene, _quality_for(scene)) for scene in make_frames(seed=seed)]
    uploads = []
    for at in range(count):
        scene, quality = scenes[at % len(scenes)]
        moved = ImageChops.offset(scene, at // len(scenes) + 1, 0)
        text = write_caption(RUSSIAN, choices.randint(_SHORTEST, _LONGEST), choices)
        uploads.append(Upload(encode(moved, quality=quality), text))
    return uploads


def write_bodies(uploads: list[Upload], folder: Path) -> None:
    """Write one file per body, numbered from 1 as post.lua reads them."""
    folder.mkdir(parents=True)
    for at, upload in enumerate(uploads, start=1):
        (folder / f"{at:05}").write_bytes(upload.body())


def _quality_for(scene: Image.Image) -> int:
    return min(_QUALITIES, key=lambda quality: abs(len(encode(scene, quality=quality)) - _FRAME_BYTES))
