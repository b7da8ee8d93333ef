"""The stream of an export while the archive hangs, with calls that block until the test releases them."""

import asyncio
import io
import threading
import zipfile
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest
from fastapi import FastAPI, Request
from tests.unit.operations.test_export import MadeImages
from tests.unit.test_dependency import until

from captiond.operations.export import ExportImage, Folder, ZipExport
from captiond.services.api.dependency import Dependency
from captiond.services.api.export.stream import ExportInterrupted, stream


class HangingArchive(MadeImages):
    """Hangs while it loads the second of three images, its check as well."""

    def __init__(self) -> None:
        super().__init__(3)
        self.hangs, self.released = threading.Event(), threading.Event()

    def check(self) -> None:
        if self.hangs.is_set():
            self.released.wait()

    def load(self, image: ExportImage, folder: Folder) -> bytes:
        if image.id.int == 1:
            self.hangs.set()
            self.released.wait()
        return super().load(image, folder)


def make_request(dependency: Dependency, request_seconds: float) -> Request:
    app = FastAPI()
    app.state.access = None
    app.state.context = SimpleNamespace(
        stopping=threading.Event(), request_seconds=request_seconds, archive_access=dependency
    )
    return Request({"type": "http", "app": app})


def test_hanging_check_loses_no_bytes_of_an_export() -> None:
    archive = HangingArchive()

    async def run() -> bytes:
        dependency = Dependency("The archive", archive.check, threads=2)
        pieces = stream(make_request(dependency, 60), ZipExport(archive, [Folder.IMAGES]))
        async with dependency.watched():
            content = await anext(pieces)
            rest = asyncio.create_task(_join(pieces))
            await until(lambda: not dependency.is_available)
            archive.released.set()
            return content + await rest

    async def _join(pieces: AsyncIterator[bytes]) -> bytes:
        return b"".join([piece async for piece in pieces])

    with zipfile.ZipFile(io.BytesIO(asyncio.run(run()))) as zipped:
        assert zipped.testzip() is None
        assert len([name for name in zipped.namelist() if name.startswith("images/")]) == 3
    assert archive.loads == 3


def test_read_that_exceeds_the_request_timeout_interrupts_an_export() -> None:
    archive = HangingArchive()

    async def run() -> None:
        dependency = Dependency("The archive", archive.check, threads=2)
        async with dependency.watched():
            with pytest.raises(ExportInterrupted, match="did not answer within 1 s"):
                async for _piece in stream(make_request(dependency, 1), ZipExport(archive, [Folder.IMAGES])):
                    pass
        archive.released.set()

    asyncio.run(run())
