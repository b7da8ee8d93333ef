"""The floor: the least CPU time that the work of each leg takes in Python, measured in the same run."""

import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.captioners.pillow import PADDING_PX, SIZE_PX, font_path
from benchmarks.pipeline.contenders import Contender, Place, web_service
from benchmarks.pipeline.floor.bare_archive import measure_archive
from benchmarks.pipeline.floor.bare_redis import measure_redis
from benchmarks.pipeline.load.send import send_burst
from benchmarks.pipeline.load.uploads import Upload
from benchmarks.pipeline.servers import Servers
from benchmarks.pipeline.stack import running
from benchmarks.pipeline.trial import Files
from PIL import Image, ImageDraw, ImageFont

Floor = dict[str, dict[str, float]]
"""CPU seconds per image by leg, then by work."""

_WIDTH_PX = 640
_BARE = Contender("bare", "/", (web_service("benchmarks.pipeline.floor.bare_asgi:app"),))


def measure_floor(servers: Servers, folder: Path, files: Files, uploads: Sequence[Upload]) -> Floor:
    """Measure each work once."""
    folder.mkdir()
    received = _receive(servers, folder / "asgi", files)
    redis = measure_redis(servers, [upload.jpeg for upload in uploads])
    archive = measure_archive(servers, folder / "archive", uploads)
    return {
        "api": {"receive the body": received, "SET, XADD": redis.enqueue},
        "captioner": {
            "XREADGROUP, GET, XADD, XACK, XDEL": redis.forward,
            "draw the strip, join": _draw(files.warm_up, uploads),
        },
        "archiver": {
            "XREADGROUP, GET, XACK, XDEL, UNLINK": redis.acknowledge,
            "write, sync and rename the file": archive.file,
            "insert the row": archive.row,
        },
        "Redis": {"the commands": redis.server},
        "PostgreSQL": {"the rows": archive.server},
    }


def _receive(servers: Servers, folder: Path, files: Files) -> float:
    folder.mkdir()
    with running(_BARE, Place(servers, "none", folder)) as stack:
        before = stack.usage()["api"].cpu_seconds
        burst = send_burst(stack.url, files.bodies, files.count)
        return (stack.usage()["api"].cpu_seconds - before) / burst.accepted


def _draw(warm_up: Sequence[Upload], uploads: Sequence[Upload]) -> float:
    """Draw each text into a strip and append its raw pixels to the photo: nothing is encoded.

    As in captiond, a word that was drawn before is reused.
    """
    words = _Words()
    for upload in warm_up:
        words.draw(upload.text)
    start = time.process_time()
    for upload in uploads:
        b"".join((upload.jpeg, words.draw(upload.text).tobytes()))
    return (time.process_time() - start) / len(uploads)


class _Words:
    """Draws lines of words, each word once."""

    def __init__(self) -> None:
        self._font = ImageFont.truetype(font_path(), SIZE_PX, layout_engine=ImageFont.Layout.BASIC)
        self._line_px = sum(self._font.getmetrics())
        self._space_px = round(self._font.getlength(" "))
        self._drawn: dict[str, Image.Image] = {}

    def draw(self, text: str) -> Image.Image:
        right, x, y, placed = _WIDTH_PX - PADDING_PX, PADDING_PX, PADDING_PX, []
        for word in text.split():
            ink = self._drawn.get(word) or self._drawn.setdefault(word, self._draw_word(word))
            if x + ink.width > right:
                x, y = PADDING_PX, y + self._line_px
            placed.append((ink, (x, y)))
            x += ink.width + self._space_px
        strip = Image.new("L", (_WIDTH_PX, y + self._line_px + PADDING_PX))
        for ink, at in placed:
            strip.paste(ink, at)
        return strip

    def _draw_word(self, word: str) -> Image.Image:
        ink = Image.new("L", (round(self._font.getlength(word)) + 1, self._line_px))
        ImageDraw.Draw(ink).text((0, 0), word, fill=255, font=self._font)
        return ink
