"""Sample rows with the fields that clients state: camera, time of capture and labels."""

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from benchmarks.growth.sample_rows import COLUMNS, Place, Row, bulk_insert, sample_rows
from sqlalchemy import Engine

CAMERAS = 50
RARE_CAMERA, RARE_CAMERA_ROWS = "Объездная 1", 100
EVERY = ("site", "north")
SPEEDS = 120
"""The label `speed` has this many values, which are equally frequent."""
PLATE_PART = 10
RARE_LABEL, RARE_LABEL_ROWS = ("alarm", "smoke"), 20
NO_ROW = ("alarm", "flood")
BACKLOG_PART, BACKLOG_DELAY = 100, timedelta(days=1)
"""One image in 100 arrives a day after its capture."""

_MAX_DELAY_SECONDS = 60


def camera_name(number: int) -> str:
    """One of the frequent cameras."""
    return f"Ленина {number}"


def insert_rows_with_fields(engine: Engine, count: int) -> None:
    """Insert `count` images, and their labels into the table of labels."""
    bulk_insert(engine, "images", f"{COLUMNS}, captured_at, camera, labels", _images(count))
    bulk_insert(engine, "image_labels", "image_id, name, value, received_at", _labels(count))


def _images(count: int) -> Iterator[Row]:
    for row, (captured_at, camera, labels) in zip(sample_rows(count), _fields(count), strict=True):
        yield (*row, captured_at, camera, json.dumps(labels, ensure_ascii=False))


def _labels(count: int) -> Iterator[Row]:
    for number, (_, _, labels) in enumerate(_fields(count)):
        place = Place(number)
        for name, value in labels.items():
            yield place.id, name, value, place.received_at


def _fields(count: int) -> Iterator[tuple[datetime, str, dict[str, str]]]:
    random_ = random.Random(3)
    rare_cameras = _spread(count, RARE_CAMERA_ROWS)
    rare_labels = _spread(count, RARE_LABEL_ROWS)
    for number in range(count):
        delay = timedelta(seconds=random_.uniform(0, _MAX_DELAY_SECONDS))
        if number % BACKLOG_PART == 0:
            delay += BACKLOG_DELAY
        labels = dict([EVERY, ("speed", str(random_.randrange(SPEEDS)))])
        if number % PLATE_PART == 0:
            labels["plate"] = f"А{random_.randrange(1000):03}МР{random_.randrange(100)}"
        if number in rare_labels:
            labels.update([RARE_LABEL])
        camera = RARE_CAMERA if number in rare_cameras else camera_name(random_.randrange(CAMERAS))
        yield Place(number).received_at - delay, camera, labels


def _spread(count: int, parts: int) -> set[int]:
    return {round((part + 0.5) * count / parts) for part in range(parts)}
