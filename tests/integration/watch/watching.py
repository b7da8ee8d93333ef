"""Runs `captiond watch` on a directory and reads the uploads that the API has queued."""

import os
import re
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from captiond.image import ReceivedImage
from captiond.messages import Upload
from captiond.pipeline import CAPTIONED, UPLOADS
from captiond.workqueue import Route
from captiond.workqueue.streams.consumer import Consumer
from tests.e2e.product import Place, wait_until
from tests.integration.api.serving import Api, jpeg

FAST = ("--settle", "0.2", "--scan", "0.5")
WAIT_SECONDS = 20.0


@dataclass
class Watched:
    """The directory `folder/in`, and one process that watches it."""

    folder: Path
    api: Api
    uploads: list[Upload] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None
    _consumer: Consumer | None = None

    def __post_init__(self) -> None:
        self.root.mkdir()

    @property
    def root(self) -> Path:
        return self.folder / "in"

    @property
    def place(self) -> Place:
        return Place(self.folder, {"log_dir": str(self.folder / "log"), "api_url": self.api.url})

    @property
    def log(self) -> str:
        return (self.folder / "stderr").read_text("utf-8")

    def start(self, *options: str, fast: bool = True, before: Sequence[str] = ()) -> None:
        """Start the command, and wait until it has locked the directory."""
        started = self.log.count("started directory=") if (self.folder / "stderr").exists() else 0
        arguments = (str(self.root), *(FAST if fast else ()), *options)
        self.process = self.place.start("watch", *arguments, before=before)
        wait_until(lambda: self.log.count("started directory=") > started, WAIT_SECONDS, "captiond watch runs")

    def write(self, path: str, content: bytes | None = None) -> Path:
        """Write a file below the directory, by default a JPEG that depends on the path."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(photo(path) if content is None else content)
        return file

    def signal(self, number: signal.Signals) -> None:
        assert self.process
        self.process.send_signal(number)

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()
        self.process = None

    def stop(self) -> str:
        """Stop with SIGTERM. Returns the summary."""
        assert self.process
        process, self.process = self.process, None
        process.terminate()
        assert process.wait(WAIT_SECONDS) == 0, self.log
        return (self.folder / "stdout").read_text().splitlines()[-1]

    def end(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGCONT)
            self.kill()

    def queued(self) -> list[Upload]:
        """All uploads so far in queue `uploads`."""
        if self._consumer is None:
            self._consumer = self.api.broker.consumer("test", Route(UPLOADS, CAPTIONED))
            self._consumer.create_group()
        while deliveries := self._consumer.receive(100, wait_seconds=0.1):
            self.uploads += [Upload.from_message(delivery.decode()) for delivery in deliveries]
        return self.uploads

    def await_uploads(self, number: int, seconds: float = WAIT_SECONDS) -> list[Upload]:
        wait_until(lambda: len(self.queued()) >= number, seconds, f"{number} uploads")
        assert len(self.uploads) == number
        return self.uploads

    def await_image(self) -> ReceivedImage:
        """The metadata of the only upload."""
        return self.await_uploads(1)[0].image

    def await_files(self, *paths: str, seconds: float = WAIT_SECONDS) -> None:
        """Wait until the directory has exactly these files, except for the lock file."""
        wait_until(lambda: self.files() == sorted(paths), seconds, f"the files are {paths}; {self.files()}")

    def files(self) -> list[str]:
        found = (path for path in self.root.rglob("*") if path.is_file() and path.name != ".captiond-watch.lock")
        return sorted(path.relative_to(self.root).as_posix() for path in found)

    def await_log(self, text: str) -> None:
        wait_until(lambda: text in self.log, WAIT_SECONDS, f"the log has {text!r}: {self.log}")

    def count_log(self, pattern: str) -> int:
        return len(re.findall(pattern, self.log))


def photo(name: str = "photo") -> bytes:
    """A small JPEG that differs by name, with a comment segment."""
    comment = os.fsencode(name)
    image = jpeg()
    return image[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + image[2:]


def without_privileges() -> tuple[str, ...]:
    """The command that drops root's permission to read and write every file."""
    return ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.getuid() == 0 else ()
