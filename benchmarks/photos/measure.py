"""CPU time of one photo: captiond cold, captiond warm, plain Pillow.

Cold means the first sight of a photo: the caches of captiond's JPEG code contain neither its header nor its
tables. Fonts and the caption's words are warm, as in a service that has captioned other photos before.
"""

import gc
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import get_context
from pathlib import Path
from time import process_time_ns

from benchmarks.inputs.frames import encode, make_frames
from benchmarks.inputs.huffman import rewrite_huffman_tables
from benchmarks.photos.collection import Photo
from benchmarks.photos.kinds import classify
from benchmarks.photos.peer import caption_with_plain_pillow
from benchmarks.photos.results import Outcome, Result, Times

from captiond.imaging import BadImage, Captioner, Style
from captiond.imaging.jpeg.native import default_build

CAPTION = "С начала фазы запрещающего сигнала прошло: 7 секунд. Gate 4, 12:45:07"
_WARM_UP_QUALITY = 37  # quantisation tables that no camera has
_TEXT_CACHES = "captiond.imaging.text"
_IMAGING = "captiond.imaging."
_ADDRESS = re.compile(r" ?<[^>]*>")


class PhotoTimer:
    """Measures photos in this process; a photo's cold figure follows a reset of captiond's JPEG caches."""

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds
        self._captioner = _warm_captioner()
        self._caption_with_pillow = caption_with_plain_pillow()
        self._resets = list(_find_resets())

    def measure(self, photo: Photo) -> Result:
        """Caption the photo once untimed, then round by round with whatever did not fail."""
        jpeg = photo.path.read_bytes()
        kind = classify(jpeg)
        outcome = self._try_captiond(jpeg)
        pillow_error = self._try_pillow(jpeg)
        times = self._run(jpeg, with_captiond=outcome.is_captioned, with_pillow=not pillow_error)
        return Result(photo.name, photo.source, kind.labels, kind.is_upright_baseline, outcome, pillow_error, times)

    def _run(self, jpeg: bytes, *, with_captiond: bool, with_pillow: bool) -> Times:
        cold, warm, pillow = [], [], []
        for round_ in range(self._rounds):
            if with_pillow and round_ % 2:
                pillow.append(_time(lambda: self._caption_with_pillow(jpeg, CAPTION)))
            if with_captiond:
                for reset in self._resets:
                    reset()
                cold.append(_time(lambda: self._captioner.add_caption(jpeg, CAPTION).jpeg))
                warm.append(_time(lambda: self._captioner.add_caption(jpeg, CAPTION).jpeg))
            if with_pillow and not round_ % 2:
                pillow.append(_time(lambda: self._caption_with_pillow(jpeg, CAPTION)))
        return Times(tuple(cold), tuple(warm), tuple(pillow))

    def _try_captiond(self, jpeg: bytes) -> Outcome:
        try:
            reason = self._captioner.add_caption(jpeg, CAPTION).reencode_reason
        except BadImage as refused:
            return Outcome("failed", str(refused))
        except Exception as crash:  # noqa: BLE001 - a crash is a result, which the report names
            return Outcome("failed", f"uncaught {type(crash).__name__}: {crash}")
        return Outcome("lossless") if reason is None else Outcome("re-encoded", reason)

    def _try_pillow(self, jpeg: bytes) -> str:
        try:
            self._caption_with_pillow(jpeg, CAPTION)
        except Exception as error:  # noqa: BLE001 - damaged files raise errors of many classes
            return _ADDRESS.sub("", f"{type(error).__name__}: {error}")
        return ""


def measure_in_fresh_processes(paths: Iterable[Path]) -> Iterator[int]:
    """The cold CPU nanoseconds of each photo, in a process that has never seen it: no cache needs a reset."""
    with get_context("spawn").Pool(1, maxtasksperchild=1) as processes:
        yield from processes.imap(_time_first_sight, paths)


def _time_first_sight(path: Path) -> int:
    captioner = _warm_captioner()
    jpeg = path.read_bytes()
    return _time(lambda: captioner.add_caption(jpeg, CAPTION).jpeg)


def _time(caption: Callable[[], bytes]) -> int:
    gc.collect()
    start = process_time_ns()
    caption()
    return process_time_ns() - start


def _warm_captioner() -> Captioner:
    """A captioner that has spliced and re-encoded a frame whose tables no photo shares."""
    captioner = Captioner(Style())
    frame = make_frames(1)[0].crop((0, 0, 640, 470))
    captioner.add_caption(rewrite_huffman_tables(encode(frame, quality=_WARM_UP_QUALITY)), CAPTION)
    for restart_rows in (0, 1):  # with restart markers, a progressive frame is re-encoded
        progressive = encode(frame, quality=_WARM_UP_QUALITY, progressive=True, restart_marker_rows=restart_rows)
        captioner.add_caption(progressive, CAPTION)
    gc.collect()
    gc.freeze()  # so that collections look at the photo's objects alone, as in a service
    return captioner


def _find_resets() -> Iterator[Callable[[], None]]:
    """`cache_clear` of every cached function of captiond's JPEG code, not of its text and not of its build."""
    modules = [module for name, module in sys.modules.items() if name.startswith(_IMAGING)]
    for module in modules:
        if not module.__name__.startswith(_TEXT_CACHES):
            for value in vars(module).values():
                if value is not default_build and callable(clear := getattr(value, "cache_clear", None)):
                    yield clear
