"""Captions an upload in a subprocess with resource limits. Used for uploads that may have crashed their worker."""

import multiprocessing
import resource
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

from captiond.imaging import BadImage, Captioned, Captioner, Style


@dataclass(frozen=True, slots=True)
class Limits:
    """The resources of one subprocess."""

    memory_bytes: int = 2 << 30
    cpu_seconds: int = 60
    wall_seconds: float = 120.0


class CaptioningDied(Exception):
    """The subprocess ended without a result: it reached a limit or crashed."""

    def __init__(self, how: str) -> None:
        super().__init__(f"the captioning subprocess {how}")


class IsolatedCaptioner:
    """Captions as `Captioner` does, but in a subprocess per upload."""

    def __init__(self, style: Style, limits: Limits) -> None:
        self._style = style
        self._limits = limits
        # Not forked, because the worker's threads and connections must not be copied.
        self._processes = multiprocessing.get_context("spawn")

    def add_caption(self, jpeg: bytes, text: str, digest: bytes | None = None) -> Captioned:
        """Caption one photo. Raises BadImage, or CaptioningDied if the subprocess ends without a result."""
        receiver, sender = self._processes.Pipe(duplex=False)
        upload = (jpeg, text, digest)
        process = self._processes.Process(
            target=_caption, args=(sender, self._style, self._limits, upload), daemon=True
        )
        process.start()
        sender.close()
        try:
            if not receiver.poll(self._limits.wall_seconds):
                raise CaptioningDied(f"took longer than {self._limits.wall_seconds:.0f} s")
            result: Captioned | BadImage = receiver.recv()
        except EOFError as error:
            process.join()
            raise CaptioningDied(f"ended with status {process.exitcode}") from error
        finally:
            process.kill()
            process.join()
            receiver.close()
        if isinstance(result, BadImage):
            raise result
        return result


def _caption(sender: Connection, style: Style, limits: Limits, upload: tuple[bytes, str, bytes | None]) -> None:
    set_limit(resource.RLIMIT_AS, limits.memory_bytes)
    set_limit(resource.RLIMIT_CPU, limits.cpu_seconds)
    result: Captioned | BadImage
    try:
        result = Captioner(style).add_caption(*upload)
    except BadImage as error:
        result = BadImage(str(error))
    with suppress(BrokenPipeError):  # the worker was killed meanwhile
        sender.send(result)


def set_limit(kind: int, value: int) -> None:
    """Limit a resource of this process, unless the kernel refuses.

    macOS refuses RLIMIT_AS below the address space that a process reserves at its start. The limits on CPU time
    and wall time remain.
    """
    with suppress(ValueError, OSError):
        resource.setrlimit(kind, (value, value))
