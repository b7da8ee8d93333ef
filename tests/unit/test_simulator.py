"""The images of simulated cameras, and the report."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO

from PIL import Image

from captiond.simulator import Plan, Protocol, Report
from captiond.simulator.sending import Reply

PLAN = Plan(cameras=3, rate=2.0, count=6, start=datetime(2026, 11, 26, 7, 45, 1, tzinfo=UTC), seed=1)


def test_equal_plans_give_equal_images() -> None:
    again = replace(PLAN)

    assert [again.take(number) for number in (4, 1)] == [PLAN.take(number) for number in (4, 1)]


def test_images_differ_by_seed_camera_and_time() -> None:
    shots = [PLAN.take(number) for number in range(6)] + [replace(PLAN, seed=2).take(0)]

    assert len({shot.jpeg for shot in shots}) == 7
    assert len({shot.event_id for shot in shots}) == 7
    assert [shot.camera_number for shot in shots] == [0, 1, 2, 0, 1, 2, 0]
    assert shots[3].captured_at - shots[0].captured_at == timedelta(seconds=1.5)
    assert len({shot.camera for shot in shots[:6]}) == 3


def test_images_fulfil_the_limits_of_the_api() -> None:
    plan = replace(PLAN, cameras=40, count=200)
    shots = [plan.take(number) for number in range(200)]

    assert max(len(shot.description) for shot in shots) <= 200
    assert max(len(shot.camera) for shot in shots) <= 64
    assert {any("а" <= letter <= "я" for letter in shot.description) for shot in shots} == {True, False}


def test_frame_is_a_photo_of_the_street() -> None:
    with Image.open(BytesIO(PLAN.take(0).jpeg)) as photo:
        assert (photo.format, photo.size) == ("JPEG", (640, 480))


def test_report_has_counts_and_percentiles_by_protocol() -> None:
    report = Report()
    for number in range(100):
        report.add(Protocol.RAW, Reply(is_accepted=True, text="202"), number / 1000)
    report.add(Protocol.FTP, Reply(is_accepted=False, text="452 full"), 0.5)
    report.seconds = 10

    assert list(report.results()) == [
        ("ftp", 1, 0, 1, 500.0, 500.0, 500.0, 500.0),
        ("raw", 100, 100, 0, 50.0, 95.0, 99.0, 99.0),
    ]
    assert (report.sent, report.accepted, report.rate) == (101, 100, 10.0)
    assert list(report.refusals()) == [("ftp", "452 full", 1)]


def test_many_kinds_of_refusals_take_bounded_memory() -> None:
    report = Report()
    for number in range(1000):
        report.add(Protocol.RAW, Reply(is_accepted=False, text=str(number)), 0.001)

    assert len(list(report.refusals())) == 101
    assert sum(number for *_, number in report.refusals()) == 1000
