"""Describes the events for OpenAPI."""

from typing import Any

from captiond.services.api.ingest import dahua, hikvision
from captiond.services.api.upload.schema import EXAMPLE_JPEG

_PICTURE = {"type": "string", "format": "binary", "description": "a JPEG; the names of the parts vary by firmware"}
_DOCUMENT = {
    "type": "string",
    "description": "EventNotificationAlert of ISAPI in XML, with any namespace or none",
    "example": "<EventNotificationAlert><eventType>ANPR</eventType>"
    "<dateTime>2026-11-26T10:45:01+03:00</dateTime><channelName>Lenina 12, north</channelName>"
    "<ANPR><licensePlate>A001MP77</licensePlate><confidenceLevel>97</confidenceLevel></ANPR>"
    "<UUID>a0fe72d4-3652-464a-aebd-3f9190010236</UUID></EventNotificationAlert>",
}
_OBJECT = {
    "type": "object",
    "description": "EventNotificationAlert of ISAPI in JSON; without pictures, it is only acknowledged",
    "example": {"eventType": "videoloss", "dateTime": "2026-11-26T10:45:01+03:00", "channelName": "Lenina 12, north"},
}
_EVENT = {
    "type": "object",
    "properties": {
        "anpr.xml": _DOCUMENT,
        "detectionPicture.jpg": _PICTURE,
        "licensePlatePicture.jpg": _PICTURE,
    },
}
_EVENT_EXAMPLE = {"anpr.xml": _DOCUMENT["example"], "detectionPicture.jpg": "(the JPEG)"}
_ENCODING = {
    "anpr.xml": {"contentType": "application/xml"},
    "detectionPicture.jpg": {"contentType": "image/jpeg"},
    "licensePlatePicture.jpg": {"contentType": "image/jpeg"},
}
_BASE64_PICTURE = {
    "type": "object",
    "properties": {
        "PicName": {"type": "string"},
        "Content": {"type": "string", "format": "byte", "description": "a JPEG in base64"},
    },
}
_NOTIFICATION = {
    "type": "object",
    "description": "notification of ITSAPI; every object with `Content` is a picture",
    "properties": {
        "Picture": {
            "type": "object",
            "properties": {
                "NormalPic": _BASE64_PICTURE,
                "VehiclePic": _BASE64_PICTURE,
                "CutoutPic": _BASE64_PICTURE,
                "Plate": {"type": "object", "description": "`PlateNumber`, `Confidence`, `PlateColor`"},
                "Vehicle": {"type": "object", "description": "`VehicleType`, `VehicleColor`, `Speed`"},
                "SnapInfo": {
                    "type": "object",
                    "description": "`DeviceID`, `AccurateTime`, `Direction`, `LanNo`, `SnapAddress`",
                },
            },
        }
    },
}
_HEARTBEAT = {"Active": "keepAlive", "DeviceID": "6G0123456789"}
_TOLLGATE = {
    "Picture": {
        "NormalPic": {"PicName": "A001MP77.jpg", "Content": EXAMPLE_JPEG},
        "Plate": {"PlateNumber": "A001MP77", "Confidence": 97},
        "Vehicle": {"VehicleType": "MotorCar", "Speed": 83},
        "SnapInfo": {
            "DeviceID": "6G0123456789",
            "AccurateTime": "2026-11-26 10:45:01.250",
            "Direction": "Obverse",
            "LanNo": 1,
            "SnapAddress": "Lenina 12, north",
        },
    }
}
_CAMERA: dict[str, Any] = {
    "name": "camera",
    "in": "query",
    "required": False,
    "description": "name of the camera, instead of the one that the device sends",
    "schema": {"type": "string", "example": "Lenina 12, north"},
}
_LABELS = "The fields become camera, time of capture and labels: {}. The label `picture` names each picture."

HIKVISION: dict[str, Any] = {
    "parameters": [_CAMERA],
    "requestBody": {
        "required": True,
        "description": _LABELS.format(", ".join(hikvision.NAMES.labels)),
        "content": {
            "multipart/form-data": {"schema": _EVENT, "encoding": _ENCODING, "example": _EVENT_EXAMPLE},
            "application/xml": {"schema": _DOCUMENT, "example": _DOCUMENT["example"]},
            "application/json": {"schema": _OBJECT, "example": _OBJECT["example"]},
        },
    },
}
DAHUA: dict[str, Any] = {
    "parameters": [_CAMERA],
    "requestBody": {
        "required": True,
        "description": _LABELS.format(", ".join(dahua.NAMES.labels)),
        "content": {
            "application/json": {
                "schema": _NOTIFICATION,
                "examples": {"event": {"value": _TOLLGATE}, "heartbeat": {"value": _HEARTBEAT}},
            }
        },
    },
}
