"""Events of ISAPI as several generations of firmware send them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from captiond.services.api.ingest.documents import parse_document
from captiond.services.api.ingest.event import CameraEvent
from captiond.services.api.ingest.hikvision import PicturePart, has_fields, parse_event

ANPR = b"""<?xml version="1.0" encoding="UTF-8"?>
<EventNotificationAlert version="2.0" xmlns="http://www.isapi.org/ver20/XMLSchema">
  <ipAddress>192.0.2.7</ipAddress><portNo>80</portNo><macAddress>00:00:5e:00:53:07</macAddress>
  <channelID>1</channelID><dateTime>2026-11-26T10:45:01.250+03:00</dateTime><activePostCount>1</activePostCount>
  <eventType>ANPR</eventType><eventState>active</eventState><channelName>Lenina 12</channelName>
  <ANPR>
    <country>55</country><licensePlate>A001MP77</licensePlate><line>2</line><direction>reverse</direction>
    <confidenceLevel>97</confidenceLevel><plateType>unknown</plateType><plateColor>white</plateColor>
    <vehicleType>vehicle</vehicleType><listType>temporary</listType>
    <vehicleInfo><index>1</index><color>green</color><speed>83</speed></vehicleInfo>
    <pictureInfoList>
      <pictureInfo><fileName>licensePlatePicture.jpg</fileName><type>licensePlatePicture</type>
        <pId>P1</pId></pictureInfo>
      <pictureInfo><fileName>detectionPicture.jpg</fileName><type>detectionPicture</type><pId>P2</pId></pictureInfo>
    </pictureInfoList>
  </ANPR>
  <UUID>a0fe72d4-3652-464a-aebd-3f9190010236</UUID><picNum>2</picNum>
</EventNotificationAlert>"""


def parse(*documents: bytes, parts: tuple[str, ...] = (), query: Mapping[str, str] | None = None) -> CameraEvent:
    """Parts with one name each. The content of a part is its name."""
    pictures = [PicturePart((name,), name.encode()) for name in parts]
    return parse_event(
        [parse_document(document) for document in documents], pictures, query or {}, ZoneInfo("Asia/Tokyo")
    )


def test_fields_of_a_plate_event_become_labels() -> None:
    event = parse(ANPR)

    assert (event.source, event.camera) == ("hikvision", "Lenina 12")
    assert event.captured_at == datetime(2026, 11, 26, 7, 45, 1, 250_000, UTC)
    assert event.labels == {
        "event_id": "a0fe72d4-3652-464a-aebd-3f9190010236",
        "event": "ANPR",
        "plate": "A001MP77",
        "plate_confidence": "97",
        "speed": "83",
        "direction": "reverse",
        "lane": "2",
        "vehicle_type": "vehicle",
        "vehicle_colour": "green",
        "plate_colour": "white",
        "country": "55",
        "list_type": "temporary",
        "channel": "1",
        "device": "00:00:5e:00:53:07",
    }


def test_old_firmware_without_vehicle_id_and_offset_is_read() -> None:
    document = b"""<EventNotificationAlert version="1.0" xmlns="http://www.std-cgi.com/ver10/XMLSchema">
        <ipAddress>192.0.2.7</ipAddress><dateTime>2026-11-26T10:45:01</dateTime><eventType>ANPR</eventType>
        <ANPR><licensePlate>A001MP77</licensePlate></ANPR></EventNotificationAlert>"""

    event = parse(document)

    assert event.camera == "192.0.2.7"
    assert event.captured_at == datetime(2026, 11, 26, 1, 45, 1, tzinfo=UTC)
    assert event.labels["plate"] == "A001MP77"
    assert len(event.labels["event_id"]) == 32


def test_json_event_is_read() -> None:
    document = b"""{"ipAddress": "192.0.2.7", "channelID": 9, "dateTime": "2026-11-26T10:45:01+03:00",
        "eventType": "vehicleDetection", "uuid": "u-1", "channelName": "Gate",
        "ANPR": {"licensePlate": "A001MP77", "confidenceLevel": 97}, "contentID": "background_image"}"""

    event = parse(document, parts=("<background_image>",))

    assert (event.camera, event.labels["channel"], event.labels["event_id"]) == ("Gate", "9", "u-1")
    assert (event.labels["plate"], event.labels["plate_confidence"]) == ("A001MP77", "97")
    assert [picture.role for picture in event.pictures] == ["background"]


@pytest.mark.parametrize(
    ("name", "state", "is_heartbeat"),
    [
        ("heartBeat", "active", True),
        ("videoloss", "inactive", True),
        ("videoloss", "active", False),
        ("VMD", "inactive", False),
    ],
)
def test_heartbeat_is_recognised(name: str, state: str, *, is_heartbeat: bool) -> None:
    event = parse(f"<Alert><eventType>{name}</eventType><eventState>{state}</eventState></Alert>".encode())

    assert event.is_heartbeat is is_heartbeat
    assert event.pictures == ()


@pytest.mark.parametrize(
    ("parts", "roles"),
    [
        (("licensePlatePicture.jpg", "detectionPicture.jpg"), ["detection", "plate"]),
        (("P1", "P2"), ["detection", "plate"]),
        (("P1.jpg", "P2.jpg"), ["detection", "plate"]),
        (("<P2>",), ["detection"]),
        (("vehiclePicture.jpg", "detectionPicture.jpg", "featurePicture.jpg"), ["detection", "vehicle", "feature"]),
        (("C:\\cam\\detectionPicture.JPG",), ["detection"]),
        (("DetectionImage",), ["detection"]),
        (("license_plate_image.jpeg",), ["plate"]),
        (("Picture",), ["picture"]),
        (("2026112610450116000te10ogXYg",), ["picture"]),
        (("",), ["picture"]),
    ],
)
def test_role_of_a_picture_follows_from_its_part(parts: tuple[str, ...], roles: list[str]) -> None:
    assert [picture.role for picture in parse(ANPR, parts=parts).pictures] == roles


def test_picture_keeps_its_content() -> None:
    event = parse(ANPR, parts=("P1", "P2"))

    assert [(picture.role, picture.jpeg) for picture in event.pictures] == [("detection", b"P2"), ("plate", b"P1")]


def test_query_string_replaces_a_missing_document() -> None:
    query = {"eventType": "ANPR", "licensePlate": "A001MP77", "dateTime": "2026-11-26T10:45:01 03:00", "lane": "1"}

    event = parse(query=query, parts=("detectionPicture.jpg",))

    assert has_fields(query)
    assert event.captured_at == datetime(2026, 11, 26, 7, 45, 1, tzinfo=UTC)
    assert (event.labels["plate"], event.labels["lane"]) == ("A001MP77", "1")


def test_camera_of_the_query_string_is_not_an_event() -> None:
    assert not has_fields({"camera": "Lenina 12"})
    assert parse(ANPR, query={"camera": "North"}).camera == "North"


def test_document_takes_precedence_over_the_query_string() -> None:
    assert parse(ANPR, query={"licensePlate": "X"}).labels["plate"] == "A001MP77"


def test_documents_of_one_event_complete_each_other() -> None:
    event = parse(ANPR, b'{"eventType": "other", "laneNo": 3, "deviceUUID": "D"}')

    assert (event.labels["event"], event.labels["lane"], event.labels["device"]) == ("ANPR", "2", "D")
