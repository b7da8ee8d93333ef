"""The time limit of an attempt."""

import threading

import pytest

from captiond.webhooks import Delivery, DeliveryFailed, Networks, Sender
from captiond.webhooks.addresses import Found


def test_name_that_is_not_resolved_in_time_is_a_timeout() -> None:
    ended = threading.Event()

    def look_up(*_: object, **__: object) -> list[Found]:
        ended.wait(30)
        return []

    with pytest.raises(DeliveryFailed, match=r"no response within 0\.05 s") as failed:
        Sender(Networks(look_up=look_up), 0.05).send(Delivery("http://slow.example/", {}, b""))
    ended.set()

    assert failed.value.kind == "timeout"
