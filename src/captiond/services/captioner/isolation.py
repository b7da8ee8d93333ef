"""Captions an upload in a subprocess with resource limits.

Used for uploads that may have crashed their worker, and for those that took too much CPU time in it.
"""

import multiprocessing
import resource
import signal
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

from captiond.imaging import BadImage, Captioned, Captioner, Style


@dataclass(frozen=True, slots=True)
class Limits:
    """The resources of one subprocess."""

    memory_bytes: int = 2 << 30
    cpu_seconds: float = 3.0
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
        # Not forked from this process, because the worker's threads and connections must not be copied. The server
        # starts with the first process, and imports once.
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload(["__main__", Captioner.__module__])

    def add_caption(self, jpeg: bytes, text: str, digest: bytes | None = None) -> Captioned:
        """Caption one photo. Raises BadImage, also for one that takes too much CPU time.

        Raises CaptioningDied if the subprocess ends without a result.
        """
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
            if process.exitcode == -signal.SIGPROF:
                raise BadImage(f"captioning takes more than {self._limits.cpu_seconds:g} s of CPU time") from error
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
    captioner = Captioner(style)
    signal.setitimer(signal.ITIMER_PROF, limits.cpu_seconds)  # the signal ends the process, also within C
    result: Captioned | BadImage
    try:
        result = captioner.add_caption(*upload)
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
