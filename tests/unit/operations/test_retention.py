"""The limits of retention as text."""

from datetime import timedelta

import pytest

from captiond.operations.quantities import parse_period, parse_size
from captiond.operations.retention import RetentionPolicy
from captiond.operations.retention_limits import Limits, parse_camera_limits, parse_limits
from captiond.operations.retention_report import RetentionReport

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("off", Limits()),
        ("", Limits()),
        ("36h", Limits(1.5 * DAY)),
        ("2w", Limits(14 * DAY)),
        ("500G", Limits(None, 500 << 30)),
        ("1000", Limits(None, 1000)),
        (" 90d + 1T ", Limits(90 * DAY, 1 << 40)),
        ("1M+1d", Limits(DAY, 1 << 20)),
    ],
)
def test_limits_are_an_age_and_a_size(text: str, limits: Limits) -> None:
    assert parse_limits(text) == limits


@pytest.mark.parametrize("text", ["0d", "0", "soon", "90d+", "90d+30d", "1G+2G", "90d,1G", "-1d", "1.5G", "off+1d"])
def test_invalid_limits_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="use for example 90d, 500G or 90d"):
        parse_limits(text)


def test_limits_of_cameras() -> None:
    assert parse_camera_limits(" gate = 365d , a=b=7d+50G, lab=off, ") == {
        "gate": Limits(365 * DAY),
        "a=b": Limits(7 * DAY, 50 << 30),
        "lab": None,
    }
    assert parse_camera_limits("") == {}


def test_limits_are_those_of_the_stored_name_of_a_camera() -> None:
    assert parse_camera_limits("Cafe\u0301=off") == {"Caf\u00e9": None}


@pytest.mark.parametrize("name", ["\udcff", "a\0", "x" * 65])
def test_limits_of_a_name_that_no_camera_can_have_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a camera"):
        parse_camera_limits(f"{name}=off")


@pytest.mark.parametrize("text", ["gate", "=7d", "gate=", "gate=7d,gate=8d", "Cafe\u0301=7d,Caf\u00e9=8d"])
def test_invalid_limits_of_cameras_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not CAMERA=LIMITS with a new name"):
        parse_camera_limits(text)


def test_limits_of_a_camera_are_checked() -> None:
    with pytest.raises(ValueError, match="neither an age nor a size"):
        parse_camera_limits("gate=soon")


@pytest.mark.parametrize(
    ("policy", "is_unlimited"),
    [
        (RetentionPolicy(), True),
        (RetentionPolicy(cameras={"lab": None}), True),
        (RetentionPolicy(Limits(DAY)), False),
        (RetentionPolicy(Limits(None, 0)), False),
        (RetentionPolicy(cameras={"gate": Limits(None, 1)}), False),
    ],
)
def test_policy_without_limits_is_unlimited(policy: RetentionPolicy, is_unlimited: bool) -> None:  # noqa: FBT001 - an expectation
    assert policy.is_unlimited() == is_unlimited


def test_other_texts_are_no_quantities() -> None:
    assert (parse_period("1y"), parse_period("٣d"), parse_size("1P"), parse_size("")) == (None, None, None, None)


@pytest.mark.parametrize(
    "text", ["{}", "[]", "7", "{", '{"finished_at": null, "held": 1}', '{"finished_at": 1, "held": "x"}']
)
def test_damaged_report_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        RetentionReport.from_json(text)


def test_report_of_an_earlier_version_is_read() -> None:
    assert RetentionReport.from_json('{"finished_at": 1.5, "held": 3}') == RetentionReport(1.5, 3, undeleted=0)
