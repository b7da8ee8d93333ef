"""Sends images as cameras do: one connection per camera, which stays open."""

import base64
import ftplib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Protocol as Interface
from urllib.parse import SplitResult, unquote
from xml.sax.saxutils import escape

import httpx

from captiond.client.connection import key_headers
from captiond.simulator.plan import Shot

TIMEOUT_SECONDS = 30
NO_RESPONSE = "no response"
MAX_REPLY_CHARACTERS = 60


class Protocol(StrEnum):
    """How a camera sends its images."""

    MULTIPART = "multipart"
    RAW = "raw"
    JSON = "json"
    HIKVISION = "hikvision"
    DAHUA = "dahua"
    FTP = "ftp"


@dataclass(frozen=True, slots=True)
class Target:
    """The server to send to. `ftp` is a URL with user name and password, or None if no camera uses FTP."""

    url: str
    ftp: SplitResult | None = None
    api_key: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to an image: `202`, `422 invalid-request`, `452 …` or NO_RESPONSE."""

    is_accepted: bool
    text: str


class Sender(Interface):
    """The connection of one camera."""

    def send(self, shot: Shot) -> Reply:
        """Send an image once."""

    def close(self) -> None:
        """Close the connection."""


def open_sender(protocol: Protocol, target: Target) -> Sender:
    """Return the connection of a camera, which is opened with the first image."""
    if protocol is Protocol.FTP:
        assert target.ftp is not None  # noqa: S101 - checked by the caller
        return _FtpSender(target.ftp)
    return _HttpSender(target, REQUESTS[protocol])


class _HttpSender:
    def __init__(self, target: Target, build: "Build") -> None:
        url = httpx.URL(target.url)
        headers = key_headers(url, target.api_key)
        self._client = httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS, headers=headers, trust_env=False)
        self._build = build

    def send(self, shot: Shot) -> Reply:
        try:
            response = self._client.send(self._build(self._client, shot))
        except httpx.HTTPError as error:
            return Reply(is_accepted=False, text=_describe_failure(error))
        # ITSAPI acknowledges with 200. Other endpoints return 200 only for an event without picture.
        expected = HTTPStatus.OK if self._build is _build_dahua else HTTPStatus.ACCEPTED
        is_accepted = response.status_code == expected
        return Reply(is_accepted, str(response.status_code) if is_accepted else _describe(response))

    def close(self) -> None:
        self._client.close()


def _describe_failure(error: Exception) -> str:
    return f"{NO_RESPONSE}: {str(error)[:MAX_REPLY_CHARACTERS] or type(error).__name__}"


def _describe(response: httpx.Response) -> str:
    """Return status and problem type."""
    try:
        problem = str(response.json()["type"]).rpartition(":")[2]
    except (ValueError, KeyError, TypeError):
        problem = response.reason_phrase
    return f"{response.status_code} {problem}"


class _FtpSender:
    """Stores files under `CAMERA/YYYYMMDD/IP_NN_YYYYMMDDhhmmss_NUMBER.jpg`."""

    def __init__(self, url: SplitResult) -> None:
        self._url = url
        self._session: ftplib.FTP | None = None

    def send(self, shot: Shot) -> Reply:
        folder = f"camera-{shot.camera_number + 1:02}/{shot.captured_at:%Y%m%d}"
        name = f"192.0.2.{shot.camera_number % 250 + 1}_01_{shot.captured_at:%Y%m%d%H%M%S}_{shot.number}.jpg"
        try:
            reply = self._connect().storbinary(f"STOR /{folder}/{name}", io.BytesIO(shot.jpeg))
        except ftplib.Error as error:
            return Reply(is_accepted=False, text=str(error)[:MAX_REPLY_CHARACTERS])
        except (OSError, EOFError) as error:
            self.close()
            return Reply(is_accepted=False, text=_describe_failure(error))
        return Reply(reply.startswith("226"), reply[:3])

    def _connect(self) -> ftplib.FTP:
        if self._session is None:
            session = ftplib.FTP(timeout=TIMEOUT_SECONDS, encoding="utf-8")  # noqa: S321 - it is what cameras use
            session.connect(self._url.hostname or "", self._url.port or ftplib.FTP_PORT)
            session.login(unquote(self._url.username or ""), unquote(self._url.password or ""))
            self._session = session
        return self._session

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


def _fields(shot: Shot) -> dict[str, str]:
    return {
        "description": shot.description,
        "captured_at": shot.captured_at.isoformat(),
        "camera": shot.camera,
        "labels": json.dumps(shot.labels, ensure_ascii=False),
    }


def _key(shot: Shot) -> dict[str, str]:
    return {"Idempotency-Key": str(shot.event_id)}


def _build_multipart(client: httpx.Client, shot: Shot) -> httpx.Request:
    files = {"image": ("frame.jpg", shot.jpeg, "image/jpeg")}
    return client.build_request("POST", "/api/images", files=files, data=_fields(shot), headers=_key(shot))


def _build_raw(client: httpx.Client, shot: Shot) -> httpx.Request:
    headers = {"Content-Type": "image/jpeg", **_key(shot)}
    return client.build_request("POST", "/api/images", params=_fields(shot), content=shot.jpeg, headers=headers)


def _build_json(client: httpx.Client, shot: Shot) -> httpx.Request:
    document = {**_fields(shot), "labels": shot.labels, "image": base64.b64encode(shot.jpeg).decode()}
    return client.build_request("POST", "/api/images", json=document, headers=_key(shot))


def _build_hikvision(client: httpx.Client, shot: Shot) -> httpx.Request:
    document = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<EventNotificationAlert version="2.0" xmlns="http://www.isapi.org/ver20/XMLSchema">\n'
        f"<ipAddress>192.0.2.{shot.camera_number % 250 + 1}</ipAddress><channelID>1</channelID>\n"
        f"<channelName>{escape(shot.camera)}</channelName>\n"
        f"<dateTime>{shot.captured_at.isoformat()}</dateTime>\n"
        "<eventType>ANPR</eventType><eventState>active</eventState>\n"
        f"<ANPR><licensePlate>{shot.labels['plate']}</licensePlate><line>{shot.labels['lane']}</line></ANPR>\n"
        f"<vehicleInfo><speed>{shot.labels['speed']}</speed></vehicleInfo>\n"
        f"<UUID>{shot.event_id}</UUID>\n"
        "</EventNotificationAlert>\n"
    )
    files = {
        "anpr.xml": ("anpr.xml", document.encode(), "application/xml"),
        "detectionPicture.jpg": ("detectionPicture.jpg", shot.jpeg, "image/jpeg"),
    }
    return client.build_request("POST", "/api/ingest/hikvision", files=files)


def _build_dahua(client: httpx.Client, shot: Shot) -> httpx.Request:
    document = {
        "Picture": {
            "NormalPic": {
                "PicName": f"{shot.captured_at:%Y%m%d%H%M%S}_{shot.labels['plate']}.jpg",
                "Content": base64.b64encode(shot.jpeg).decode(),
            },
            "Plate": {"PlateNumber": shot.labels["plate"], "Confidence": 97},
            "Vehicle": {"VehicleType": "MotorCar", "Speed": int(shot.labels["speed"])},
            "SnapInfo": {
                "DeviceID": f"SIMULATED{shot.camera_number:04}",
                # Devices send no offset.
                "AccurateTime": f"{shot.captured_at:%Y-%m-%d %H:%M:%S}.{shot.captured_at.microsecond // 1000:03}",
                "LanNo": int(shot.labels["lane"]),
                "SnapAddress": shot.camera,
                "UUID": str(shot.event_id),
            },
        }
    }
    return client.build_request("POST", "/api/ingest/dahua/NotificationInfo/TollgateInfo", json=document)


Build = Callable[[httpx.Client, Shot], httpx.Request]
REQUESTS: dict[Protocol, Build] = {
    Protocol.MULTIPART: _build_multipart,
    Protocol.RAW: _build_raw,
    Protocol.JSON: _build_json,
    Protocol.HIKVISION: _build_hikvision,
    Protocol.DAHUA: _build_dahua,
}
