import asyncio
import logging

import pytest

from captiond.services.api.batched_log import BatchedLog


def test_lines_of_one_moment_are_one_record_and_those_of_the_next_another(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log = BatchedLog(logging.getLogger("uploads"))

    async def say(*lines: str) -> None:
        for line in lines:
            log.info(line)

    async def say_all() -> None:
        await asyncio.gather(say("one", "two"), say("three"))
        await asyncio.sleep(0)
        await say("four")

    asyncio.run(say_all())

    assert caplog.messages == ["one\ntwo\nthree", "four"]
