"""Uploads one photo and files it. Runs in several threads."""

import errno
import json
import logging
import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

from captiond.client import CaptiondError, Client, ProblemError, Unavailable
from captiond.watch.fields import FieldReader, InvalidSidecar, MissingSidecar
from captiond.watch.filing import Filing
from captiond.watch.photo import FileChanged, FileTooLarge, IncompleteJpeg, read_version, require_complete
from captiond.watch.tree import PhotoVersion

# The photo or its fields cause these statuses. Every other refusal, such as 401 or 404, concerns all photos.
_INVALID_UPLOAD = frozenset({400, 413, 415, 422})
_NO_FILE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sent:
    """The server accepted the photo."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The photo cannot be uploaded."""

    reason: str


Outcome: TypeAlias = Sent | Failed


@dataclass(frozen=True, slots=True)
class Job:
    """A settled photo. `outcome` is that of an earlier attempt whose move failed.

    `overdue` means that it has not changed for the waiting time, so it fails if it is incomplete.
    """

    path: str
    version: PhotoVersion
    overdue: bool
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Filed:
    """The photo was moved or deleted."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class NotFiled:
    """The photo has an outcome, but cannot be moved or deleted."""

    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class Changed:
    """Another process wrote or removed the photo."""


@dataclass(frozen=True, slots=True)
class Incomplete:
    """The photo or its sidecar is not complete yet."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The photo or its sidecar cannot be read."""

    reason: str


@dataclass(frozen=True, slots=True)
class ServerDown:
    """The server accepts no photos now."""

    reason: str
    retry_after_seconds: float | None = None


Result: TypeAlias = Filed | NotFiled | Changed | Incomplete | Unreadable | ServerDown


@dataclass(frozen=True, slots=True)
class PhotoWorker:
    """Uploads photos of the directory `root`."""

    root: Path
    client: Client
    fields: FieldReader
    filing: Filing
    max_bytes: int

    def process(self, job: Job) -> Result:
        """Upload a photo unless that is done, then file it."""
        outcome = job.outcome or self._upload(job)
        if not isinstance(outcome, Sent | Failed):
            return outcome
        try:
            if isinstance(outcome, Sent):
                self.filing.file_sent(job.path, job.version)
            else:
                self.filing.file_failed(job.path, job.version, outcome.reason)
                logger.warning("failed file=%r reason=%r", job.path, outcome.reason)
        except FileChanged:
            return Changed()
        except OSError as error:
            return NotFiled(outcome, f"cannot move file={job.path!r}: {error.strerror}")
        return Filed(outcome)

    def _upload(self, job: Job) -> Outcome | Changed | Incomplete | Unreadable | ServerDown:
        try:
            jpeg = read_version(self.root / job.path, job.version.photo, self.max_bytes)
            require_complete(jpeg)
            fields = self.fields.read(self.root, job.path, job.version)
        except (IncompleteJpeg, MissingSidecar) as error:
            return Failed(str(error)) if job.overdue else Incomplete()
        except (FileTooLarge, InvalidSidecar) as error:
            hint = "; see CAPTIOND_MAX_UPLOAD_BYTES" if isinstance(error, FileTooLarge) else ""
            return Failed(f"{error}{hint}")
        except FileChanged:
            return Changed()
        except OSError as error:
            gone = error.errno in _NO_FILE
            return Changed() if gone else Unreadable(f"cannot read file={job.path!r}: {error.strerror}")
        return self._send(job.path, jpeg, fields)

    def _send(self, path: str, jpeg: bytes, fields: dict[str, str]) -> Outcome | ServerDown:
        try:
            accepted = self.client.upload(
                jpeg,
                description=fields["description"],
                captured_at=fields.get("captured_at"),
                camera=fields.get("camera"),
                labels=json.loads(fields.get("labels", "{}")),
                idempotency_key=make_key(path, jpeg),
            )
        except Unavailable as error:
            return ServerDown(error.reason, error.retry_after_seconds)
        except ProblemError as error:
            if error.status in _INVALID_UPLOAD:
                return Failed(error.detail)
            return ServerDown(f"the server refuses uploads with status {error.status}: {error.detail}")
        except CaptiondError as error:
            return ServerDown(str(error))
        logger.info("uploaded image=%s file=%r bytes=%d", accepted.id, path, len(jpeg))
        return Sent()


def make_key(path: str, jpeg: bytes) -> str:
    """Return the Idempotency-Key, from the path relative to the directory and the content."""
    return f"watch-{sha256(os.fsencode(path) + bytes(1) + sha256(jpeg).digest()).hexdigest()}"
