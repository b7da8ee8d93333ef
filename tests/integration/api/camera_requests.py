"""Requests of Hikvision and Dahua cameras, as bytes."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from captiond.messages import Upload
from captiond.pipeline import UPLOADS
from captiond.workqueue import Route
from tests.integration.api.raw import RawResponse, exchange
from tests.integration.api.serving import Api, jpeg

SCENE, PLATE = jpeg(64, 48, "navy"), jpeg(32, 16, "white")
UUID = "a0fe72d4-3652-464a-aebd-3f9190010236"
ALERT = f"""<?xml version="1.0" encoding="UTF-8"?>
<EventNotificationAlert version="2.0" xmlns="http://www.hikvision.com/ver20/XMLSchema">
<macAddress>00:00:5e:00:53:07</macAddress><dateTime>2026-11-26T10:45:01+03:00</dateTime>
<eventType>ANPR</eventType><channelName>Ленина 12</channelName>
<ANPR><licensePlate>А001МР77</licensePlate><confidenceLevel>97</confidenceLevel>
<vehicleInfo><speed>83</speed></vehicleInfo></ANPR><UUID>{UUID}</UUID>
</EventNotificationAlert>""".encode()
NOTIFICATION = {
    "Picture": {
        "NormalPic": {"PicName": "1.jpg", "Content": base64.b64encode(SCENE).decode()},
        "CutoutPic": {"PicName": "2.jpg", "Content": base64.b64encode(PLATE).decode()},
        "Plate": {"PlateNumber": "А001МР77", "Confidence": 97},
        "Vehicle": {"Speed": 83},
        "SnapInfo": {"DeviceID": "6G01", "AccurateTime": "2026-11-26 07:45:01", "SnapAddress": "Ленина 12"},
    }
}


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a form. Without a name, it has no Content-Disposition."""

    name: str
    content: bytes = field(repr=False)
    media_type: str = "image/jpeg"

    def encode(self) -> bytes:
        disposition = f'Content-Disposition: form-data; name="{self.name}"; filename="{self.name}"\r\n'
        head = f"{disposition if self.name else ''}Content-Type: {self.media_type}\r\n"
        return f"{head}Content-Length: {len(self.content)}\r\n\r\n".encode() + self.content + b"\r\n"


XML_PART = Part("anpr.xml", ALERT, "application/xml")
SCENE_PART, PLATE_PART = Part("detectionPicture.jpg", SCENE), Part("licensePlatePicture.jpg", PLATE)


def post(path: str, media_type: str, body: bytes) -> bytes:
    """A request that closes its connection."""
    head = f"POST {path} HTTP/1.1\r\nHost: captiond\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + body


def hikvision(parts: Sequence[Part] = (XML_PART, PLATE_PART, SCENE_PART), path: str = "/api/ingest/hikvision") -> bytes:
    """An event as a multipart form."""
    body = b"".join(b"--boundary\r\n" + part.encode() for part in parts) + b"--boundary--\r\n"
    return post(path, "multipart/form-data; boundary=boundary", body)


def dahua(document: object = NOTIFICATION, path: str = "/api/ingest/dahua/NotificationInfo/TollgateInfo") -> bytes:
    return post(path, "application/json;charset=UTF-8", json.dumps(document, ensure_ascii=False).encode())


def send(api: Api, request: bytes) -> RawResponse:
    [response] = exchange(api, request)
    return response


def read_queue(api: Api) -> list[Upload]:
    """All uploads in the queue, in queue order."""
    consumer = api.broker.consumer("test", Route(UPLOADS))
    consumer.create_group()
    return [Upload.from_message(delivery.decode()) for delivery in consumer.receive(1000, wait_seconds=0.1)]
