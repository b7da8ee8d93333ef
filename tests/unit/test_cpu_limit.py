"""The limit of CPU time in the captioner's process, and the isolation that follows."""

import io
import os
import signal
import time
from collections.abc import Iterator
from itertools import count

import pytest
from PIL import Image
from tests.unit.test_captioner import photo, upload

from captiond.imaging import BadImage, Captioned, Captioner, Style
from captiond.operations.caption_template import CaptionTemplate
from captiond.operations.keep_originals import KeepOriginals
from captiond.services.captioner.cpu_limit import CpuLimit, CpuTimeExceeded
from captiond.services.captioner.handler import CaptionerService
from captiond.services.captioner.isolation import IsolatedCaptioner, Limits
from captiond.workqueue.worker import Forward, Isolate

SLOW = "slow"


class SlowCaptioner(Captioner):
    """Computes without an end if the text is SLOW."""

    def add_caption(self, jpeg: bytes, text: str, digest: bytes | None = None) -> Captioned:
        if text == SLOW:
            for _ in count():
                pass
        return super().add_caption(jpeg, text, digest)


@pytest.fixture(autouse=True)
def own_signal_handler() -> Iterator[None]:
    handler = signal.getsignal(signal.SIGPROF)
    yield
    signal.signal(signal.SIGPROF, handler)


def test_work_over_the_limit_is_interrupted() -> None:
    with pytest.raises(CpuTimeExceeded), CpuLimit(0.05):
        for _ in count():
            pass


def test_waiting_does_not_count() -> None:
    with CpuLimit(0.05):
        time.sleep(0.2)


def test_limit_ends_with_its_block() -> None:
    limit = CpuLimit(0.05)
    for _ in range(3):
        with limit:
            pass

    os.kill(os.getpid(), signal.SIGPROF)
    until = time.process_time() + 0.2
    while time.process_time() < until:
        pass

    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


def test_image_over_the_limit_is_isolated_and_ends_the_batch() -> None:
    service = CaptionerService(SlowCaptioner(Style()), KeepOriginals.NEVER, CaptionTemplate(), CpuLimit(0.2))

    outcomes = service.handle([upload(photo()), upload(photo(), SLOW), upload(photo())])

    assert [type(outcome) for outcome in outcomes] == [Forward, Isolate]
    assert [type(outcome) for outcome in service.handle([upload(photo())])] == [Forward]


def test_image_over_the_limit_of_the_subprocess_is_bad() -> None:
    file = io.BytesIO()
    Image.new("RGB", (4000, 3000)).save(file, "JPEG", keep_rgb=True)

    with pytest.raises(BadImage, match=r"captioning takes more than 0\.02 s of CPU time"):
        IsolatedCaptioner(Style(), Limits(cpu_seconds=0.02)).add_caption(file.getvalue(), "7 секунд")
