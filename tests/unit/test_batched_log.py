import asyncio
import logging

import pytest

from captiond.services.api.batched_log import BatchedLog


def test_lines_of_one_loop_iteration_are_one_record(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log = BatchedLog(logging.getLogger("uploads"))

    async def log_lines(*lines: str) -> None:
        for line in lines:
            log.info(line)

    async def run() -> None:
        await asyncio.gather(log_lines("one", "two"), log_lines("three"))
        await asyncio.sleep(0)
        await log_lines("four")

    asyncio.run(run())

    assert caplog.messages == ["one\ntwo\nthree", "four"]
