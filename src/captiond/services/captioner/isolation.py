"""Captions one upload in a fresh process with limits: for uploads that may have killed the worker that held them."""

import multiprocessing
import resource
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

from captiond.imaging import BadImage, Captioned, Captioner, Style


@dataclass(frozen=True, slots=True)
class Limits:
    """What one captioning may take."""

    memory_bytes: int = 2 << 30
    cpu_seconds: int = 60
    wall_seconds: float = 120.0


class CaptioningDied(Exception):
    """The process that captioned an upload was killed, by a limit or by the upload itself."""

    def __init__(self, how: str) -> None:
        super().__init__(f"captioning in a process of its own {how}")


class IsolatedCaptioner:
    """Captions as `Captioner` does, slower, and outlives what it captions."""

    def __init__(self, style: Style, limits: Limits) -> None:
        self._style = style
        self._limits = limits
        # Not forked: the worker's threads and connections must not be there.
        self._processes = multiprocessing.get_context("spawn")

    def add_caption(self, jpeg: bytes, text: str, digest: bytes | None = None) -> Captioned:
        """Caption; raises BadImage, or CaptioningDied when the process does not live to answer."""
        answers, answering = self._processes.Pipe(duplex=False)
        upload = (jpeg, text, digest)
        process = self._processes.Process(
            target=_caption, args=(answering, self._style, self._limits, upload), daemon=True
        )
        process.start()
        answering.close()
        try:
            if not answers.poll(self._limits.wall_seconds):
                raise CaptioningDied(f"took longer than {self._limits.wall_seconds:.0f} s")
            answer: Captioned | BadImage = answers.recv()
        except EOFError as error:
            process.join()
            raise CaptioningDied(f"ended with status {process.exitcode}") from error
        finally:
            process.kill()
            process.join()
            answers.close()
        if isinstance(answer, BadImage):
            raise answer
        return answer


def _caption(answering: Connection, style: Style, limits: Limits, upload: tuple[bytes, str, bytes | None]) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds))
    answer: Captioned | BadImage
    try:
        answer = Captioner(style).add_caption(*upload)
    except BadImage as error:
        answer = BadImage(str(error))
    with suppress(BrokenPipeError):  # the worker that asked was killed meanwhile
        answering.send(answer)
