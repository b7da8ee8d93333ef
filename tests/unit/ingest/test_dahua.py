"""Notifications of ITSAPI."""

import base64
import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from captiond.services.api.ingest.dahua import parse_notification
from captiond.services.api.ingest.documents import MAX_DOCUMENT_BYTES, MalformedDocument
from captiond.services.api.ingest.event import CameraEvent


def content(data: bytes) -> dict[str, str]:
    return {"PicName": "x.jpg", "Content": base64.b64encode(data).decode()}


TOLLGATE = {
    "Picture": {
        "CutoutPic": content(b"cutout"),
        "NormalPic": content(b"normal"),
        "VehiclePic": content(b"vehicle"),
        "PlatePic": content(b"plate"),
        "Plate": {"PlateNumber": "A001MP77", "PlateColor": "White", "Confidence": 97, "IsExist": True, "Region": "RUS"},
        "Vehicle": {"VehicleColor": "Black", "VehicleType": "MotorCar", "VehicleSign": "Lada", "Speed": 83},
        "SnapInfo": {
            "AccurateTime": "2026-11-26 10:45:01.250",
            "SnapTime": "2026-11-26 10:45:01",
            "DeviceID": "6G0123456789",
            "Direction": "Obverse",
            "LanNo": 1,
            "SnapAddress": "Lenina 12",
            "TriggerSource": "Video",
        },
    }
}


def parse(document: object, camera: str | None = None) -> CameraEvent:
    return parse_notification(json.dumps(document).encode(), "", ZoneInfo("Europe/Moscow"), camera)


def test_fields_of_a_vehicle_become_labels() -> None:
    event = parse(TOLLGATE)

    assert (event.source, event.camera) == ("dahua", "Lenina 12")
    assert event.captured_at == datetime(2026, 11, 26, 7, 45, 1, 250_000, UTC)
    assert event.labels == {
        "event_id": event.labels["event_id"],
        "plate": "A001MP77",
        "plate_confidence": "97",
        "speed": "83",
        "direction": "Obverse",
        "lane": "1",
        "vehicle_type": "MotorCar",
        "vehicle_colour": "Black",
        "vehicle_brand": "Lada",
        "plate_colour": "White",
        "country": "RUS",
        "trigger": "Video",
        "device": "6G0123456789",
    }


def test_every_object_with_content_is_a_picture() -> None:
    pictures = parse(TOLLGATE).pictures

    assert [(picture.role, picture.jpeg) for picture in pictures] == [
        ("normal", b"normal"),
        ("vehicle", b"vehicle"),
        ("cutout", b"cutout"),
        ("plate", b"plate"),
    ]


@pytest.mark.parametrize(
    "document",
    [
        {"Picture": [{"NormalPic": content(b"1")}]},
        {"Picture": {"normalpic": {"content": content(b"1")["Content"]}}},
        {"Picture": {"NormalPic": {"Content": "data:image/jpeg;base64," + content(b"1")["Content"]}}},
        {"Picture": {"NormalPic": {"Content": "\n".join(content(b"1")["Content"])}}},
        {"NormalPic": content(b"1"), "CutoutPic": {"Content": ""}, "VehiclePic": {"Content": None}},
    ],
)
def test_picture_is_read_from_other_shapes(document: object) -> None:
    assert [(picture.role, picture.jpeg) for picture in parse(document).pictures] == [("normal", b"1")]


LARGE = b"\xff\xd8\xff" + bytes(range(256)) * 40


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(base64.b64encode(LARGE).decode()),
        json.dumps(base64.b64encode(LARGE).decode()).replace("/", "\\/"),
        json.dumps(base64.encodebytes(LARGE).decode()),
        json.dumps(base64.encodebytes(LARGE).decode().replace("\n", "\r\n")),
        json.dumps("data:image/jpeg;base64," + base64.b64encode(LARGE).decode()),
    ],
)
@pytest.mark.parametrize("place", ["", "😀"])
def test_large_picture_is_not_parsed_as_text(text: str, place: str) -> None:
    document = (
        f'{{"Picture": {{"SnapAddress": "{place}", "NormalPic": {{"Content": {text}}}, "PicName": "picture 1"}}}}'
    )

    event = parse_notification(document.encode(), "", ZoneInfo("Europe/Moscow"))

    assert [(picture.role, picture.jpeg) for picture in event.pictures] == [("normal", LARGE)]


@pytest.mark.parametrize("size_bytes", [786_431, 786_432, 786_433, 3 << 20])
def test_picture_of_several_pieces_is_decoded(size_bytes: int) -> None:
    picture = (LARGE * 400)[:size_bytes]

    [found] = parse({"Picture": {"NormalPic": content(picture)}}).pictures

    assert found.jpeg == picture


def test_each_large_picture_is_found() -> None:
    pictures = {f"X{number}Pic": content(LARGE + bytes([number])) for number in range(12)}

    event = parse({"Picture": pictures, "Other": "A" * 2000})

    assert {picture.role: picture.jpeg for picture in event.pictures} == {
        f"x{number}": LARGE + bytes([number]) for number in range(12)
    }


def test_large_picture_is_loaded_once() -> None:
    document = {"Picture": {"NormalPic": content(LARGE), "A": [{"Content": "picture 0"}] * 1000}}

    pictures = parse(document).pictures

    assert [picture.jpeg for picture in pictures if len(picture.jpeg) > 100] == [LARGE]


def test_number_of_quotation_marks_is_limited() -> None:
    with pytest.raises(MalformedDocument, match="has more than 20000 quotation marks"):
        parse_notification(b'"' * 1_000_000, "", ZoneInfo("Europe/Moscow"))


def test_document_besides_its_pictures_is_limited() -> None:
    with pytest.raises(MalformedDocument, match=f"exceeds the limit of {MAX_DOCUMENT_BYTES} bytes"):
        parse({"Picture": {"NormalPic": content(LARGE)}, "x": "-" * MAX_DOCUMENT_BYTES})


@pytest.mark.parametrize("text", ["/9j/4", "$", "é", "picture 7!", "A" * 2001, "\ud800"])
def test_invalid_base64_names_the_picture(text: str) -> None:
    with pytest.raises(MalformedDocument, match="invalid base64 in the picture 'normalpic'"):
        parse({"Picture": {"NormalPic": {"Content": text}}})


def test_heartbeat_has_no_pictures() -> None:
    event = parse({"Active": "keepAlive", "DeviceID": "6G0123456789"})

    assert event.is_heartbeat
    assert event.pictures == ()
    assert (event.labels["event"], event.camera) == ("keepAlive", "6G0123456789")


def test_device_information_has_no_pictures() -> None:
    event = parse({"DeviceName": "ITC", "DeviceID": "6G0123456789", "IPAddress": "192.0.2.8"})

    assert (event.pictures, event.camera) == ((), "ITC")


def test_given_name_replaces_the_camera_name() -> None:
    assert parse(TOLLGATE, "North").camera == "North"
