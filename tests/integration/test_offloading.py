"""Payloads of dead letters on disk: offloading, its interruptions, and what is reported."""

from dataclasses import replace
from pathlib import Path

import pytest

from captiond.operations.dead_letter_files import DeadLetterFiles, PayloadElsewhere, offload
from captiond.operations.dead_letters import DeadLetterQueues
from captiond.pipeline import UPLOADS
from captiond.workqueue.admin import DeadLetter, DeadLetters
from captiond.workqueue.worker import Reject
from tests.contract.workqueue.queues import FIRST, Queues, a_message
from tests.servers.queues import RedisServer

PAYLOAD = b"x" * 1000


def dead_letters(queues: Queues, count: int) -> DeadLetters:
    queues.send(*(a_message(PAYLOAD) for _ in range(count)))
    consumer = queues.consumer()
    deliveries = queues.receive(consumer, count)
    consumer.settle([(delivery, Reject(ValueError("broken"))) for delivery in deliveries])
    return queues.broker.dead_letters(FIRST)


def excess(queues: Queues, budget_bytes: int) -> int:
    return queues.broker.monitor.totals([FIRST]).dead_letter_bytes - budget_bytes


def offloaded(letters: DeadLetters) -> list[DeadLetter]:
    return [letter for letter in letters if letter.offloaded_bytes]


@pytest.fixture
def queues(redis_server: RedisServer) -> Queues:
    return Queues(redis_server)


@pytest.fixture
def files(tmp_path: Path) -> DeadLetterFiles:
    return DeadLetterFiles(tmp_path / "dead")


def test_oldest_payloads_move_to_disk_until_the_rest_is_within_the_budget(
    queues: Queues, files: DeadLetterFiles
) -> None:
    letters = dead_letters(queues, 5)
    budget_bytes = excess(queues, 0) - 1500

    assert offload([letters], files, lambda: excess(queues, budget_bytes)) == 2
    assert offload([letters], files, lambda: excess(queues, budget_bytes)) == 0

    assert [letter.offloaded_bytes for letter in letters] == [1000, 1000, 0, 0, 0]
    assert [files.read(letter) for letter in letters] == [PAYLOAD, PAYLOAD, None, None, None]
    assert list(files.find_problems(letters)) == []


def test_payload_that_was_written_before_a_crash_is_written_again(queues: Queues, files: DeadLetterFiles) -> None:
    letters = dead_letters(queues, 1)
    [letter] = letters
    files.write(letter, b"as much as was written")

    assert offload([letters], files, lambda: 1) == 1

    [letter] = letters
    assert files.read(letter) == PAYLOAD


def test_file_of_a_dead_letter_that_is_redriven_meanwhile_is_deleted(queues: Queues, files: DeadLetterFiles) -> None:
    dead_letters(queues, 1)

    class Redriving(DeadLetters):
        def drop_payload(self, letter: DeadLetter) -> bool:
            assert self.redrive(letter, "queued")
            return super().drop_payload(letter)

    redriving = Redriving(queues.client, queues.keys, FIRST)

    assert offload([redriving], files, lambda: 1) == 0

    assert list(files.folder.iterdir()) == []
    [delivery] = queues.receive(queues.consumer(), 1)
    assert delivery.payload == PAYLOAD


def test_missing_and_cut_files_and_files_without_dead_letter_are_reported(
    queues: Queues, files: DeadLetterFiles
) -> None:
    letters = dead_letters(queues, 3)
    offload([letters], files, lambda: 1)
    missing, cut, deleted = letters
    files.delete(missing)
    files.write(cut, PAYLOAD[1:])
    letters.delete(deleted)

    problems = list(files.find_problems(letters))

    assert len(problems) == 3
    assert f"lost payload: the image of dead letter first/{missing.entry} is not in {files.folder}" in problems[0]
    assert f"first/{cut.entry}" in problems[1]
    assert problems[2].startswith(f"payload without dead letter: {files.folder}/first-{deleted.entry}.payload")
    with pytest.raises(PayloadElsewhere, match="CAPTIOND_DEAD_LETTER_DIR"):
        files.read(missing)


def test_file_is_deleted_with_a_dead_letter_that_was_read_before_it_moved(
    queues: Queues, files: DeadLetterFiles
) -> None:
    letters = dead_letters(queues, 1)
    [read_before] = (replace(letter, queue=UPLOADS) for letter in letters)
    files.write(read_before, PAYLOAD)
    assert letters.drop_payload(read_before)

    assert DeadLetterQueues(lambda _: letters, files).delete(read_before)
    assert list(files.folder.iterdir()) == []
