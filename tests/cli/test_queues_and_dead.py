import re

import pytest

from tests.integration.product import Pipeline, photo

BROKEN = photo(32, 32)[:200]


@pytest.fixture
def died(pipeline: Pipeline) -> str:
    """The id of an image among the dead letters."""
    image_id = pipeline.send(BROKEN, "не картинка")
    pipeline.await_status(image_id, "failed")
    return image_id


def letter(pipeline: Pipeline, image_id: str) -> str:
    [line] = [line for line in pipeline.place.run("dead", "list").stdout.splitlines() if image_id in line]
    [found] = re.findall(r"uploads/\d+-\d+", line)
    assert isinstance(found, str)
    return found


def test_the_queues_are_shown_with_all_that_is_promised(pipeline: Pipeline, died: str) -> None:
    shown = pipeline.place.run("queues")

    assert (shown.status, shown.stderr) == (0, "")
    rows = [[cell.strip() for cell in re.split("[│┃]", line)[1:-1]] for line in shown.stdout.splitlines()]
    head, uploads, captioned = (row for row in rows if row)
    assert {"queue", "depth", "in flight", "oldest", "dead letters", "consumers"} <= set(head)
    told = dict(zip(head, uploads, strict=True))
    assert (told["queue"], told["depth"], told["consumers"]) == ("uploads", "0", "1")
    assert int(told["dead letters"]) >= 1
    assert captioned[0] == "captioned"
    assert died not in shown.stdout


def test_a_dead_letter_is_listed_and_shown_with_its_traceback(pipeline: Pipeline, died: str) -> None:
    listed = pipeline.place.run("dead", "list")
    shown = pipeline.place.run("dead", "show", died)

    assert (listed.status, shown.status) == (0, 0)
    [line] = [line for line in listed.stdout.splitlines() if died in line]
    assert "BadImage" in line
    assert "description: не картинка" in shown.stdout
    assert "Traceback (most recent call last)" in shown.stdout


def test_a_dead_letter_is_put_back_and_dies_again(pipeline: Pipeline, died: str) -> None:
    before = letter(pipeline, died)

    put_back = pipeline.place.run("dead", "retry", before)

    assert (put_back.status, put_back.stdout) == (0, "1 put back\n")
    pipeline.await_status(died, "failed")
    assert letter(pipeline, died) != before


def test_a_dead_letter_is_dropped_after_a_yes(pipeline: Pipeline, died: str) -> None:
    refused = pipeline.place.run("dead", "drop", died, answer="n\n")
    assert refused.status == 1
    assert letter(pipeline, died)

    dropped = pipeline.place.run("dead", "drop", died, answer="y\n")

    assert (dropped.status, "1 deleted" in dropped.stdout) == (0, True)
    assert died not in pipeline.place.run("dead", "list").stdout
    assert pipeline.client.get(f"/api/images/{died}/status").status_code == 404


def test_all_are_dropped_at_once(pipeline: Pipeline, died: str) -> None:
    assert pipeline.place.run("dead", "drop", "--all", "--yes").status == 0

    assert pipeline.place.run("dead", "list").stdout == "no dead letters\n"
    assert pipeline.client.get(f"/api/images/{died}/status").status_code == 404


def test_an_unknown_letter_is_named(pipeline: Pipeline) -> None:
    shown = pipeline.place.run("dead", "show", "uploads/1-1")

    assert (shown.status, shown.complaint) == (1, "no dead letter uploads/1-1")
