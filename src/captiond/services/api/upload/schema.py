"""Describes the formats of an upload for OpenAPI."""

from typing import Any, TypeAlias

from captiond.image import MAX_CAMERA_CHARACTERS, MAX_DESCRIPTION_CHARACTERS, MAX_LABEL_CHARACTERS, MAX_LABELS

_Schema: TypeAlias = dict[str, Any]

# A JPEG of 16 x 16 pixels.
EXAMPLE_JPEG = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19iZ2hnPk1x"
    "eXBkeFxlZ2P/wAALCAAQABABAREA/8QAFQABAQAAAAAAAAAAAAAAAAAAAAX/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/9oACAEBAAA/AJgD/9k="
)
_IMAGE: _Schema = {"type": "string", "format": "binary", "description": "a JPEG"}
_DESCRIPTION: _Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_DESCRIPTION_CHARACTERS,
    "description": "length in Unicode code points after NFC normalization and with CRLF as LF",
    "example": "С начала фазы запрещающего сигнала прошло: 7 секунд",
}
_CAPTURED_AT: _Schema = {
    "type": "string",
    "format": "date-time",
    "description": "time of capture with its offset from UTC (RFC 3339), of the years 1900 to 9998",
    "example": "2026-11-26T10:45:01+03:00",
}
_CAMERA: _Schema = {
    "type": "string",
    "maxLength": MAX_CAMERA_CHARACTERS,
    "description": "name of the camera",
    "example": "Lenina 12, north",
}
_LABELS: _Schema = {
    "type": "object",
    "maxProperties": MAX_LABELS,
    "propertyNames": {"pattern": "^[a-z][a-z0-9_]{0,31}$"},
    "additionalProperties": {"type": "string", "maxLength": MAX_LABEL_CHARACTERS},
    "description": "further texts by name",
    "example": {"plate": "A001MP77", "speed": "83"},
}
FIELD_SCHEMAS: dict[str, _Schema] = {
    "description": _DESCRIPTION,
    "captured_at": _CAPTURED_AT,
    "camera": _CAMERA,
    "labels": _LABELS,
}
"""The schema of each field of a JSON object."""
# Without contentMediaType, for which Swagger UI asks for a file.
_LABELS_TEXT: _Schema = {
    "type": "string",
    "description": f"JSON object of at most {MAX_LABELS} texts by name",
    "example": '{"plate": "A001MP77", "speed": "83"}',
}
_OPTIONAL_FIELDS = {"captured_at": _CAPTURED_AT, "camera": _CAMERA}
_CHARSET = {
    "type": "string",
    "maxLength": 64,
    "description": "charset of the fields whose part does not name one",
    "example": "windows-1251",
}


def _object(properties: _Schema) -> _Schema:
    return {"type": "object", "required": ["image", "description"], "properties": properties}


_FORM = _object(
    {
        "image": _IMAGE,
        "description": {
            **_DESCRIPTION,
            "description": f"UTF-8, or the charset that the part names; {_DESCRIPTION['description']}",
        },
        **_OPTIONAL_FIELDS,
        "labels": _LABELS_TEXT,
        "_charset_": _CHARSET,
    }
)
_BASE64 = {"type": "string", "format": "byte", "description": "a JPEG in base64, also as a data URL"}
_JSON = _object({"image": _BASE64, **FIELD_SCHEMAS})


def _example(fields: _Schema) -> dict[str, object]:
    return {name: schema["example"] for name, schema in fields.items()}


_TEXTS = {"description": _DESCRIPTION, **_OPTIONAL_FIELDS, "labels": _LABELS_TEXT}
_FORM_EXAMPLE = {"image": "(the JPEG)", **_example(_TEXTS)}
_JSON_EXAMPLE = {"image": EXAMPLE_JPEG, **_example(FIELD_SCHEMAS)}

UPLOAD_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": _FORM,
            "encoding": {"image": {"contentType": "image/jpeg"}},
            "example": _FORM_EXAMPLE,
        },
        "image/jpeg": {"schema": _IMAGE},
        "application/octet-stream": {"schema": _IMAGE},
        "application/json": {"schema": _JSON, "example": _JSON_EXAMPLE},
    },
}
QUERY_PARAMETERS: list[dict[str, Any]] = [
    {
        "name": name,
        "in": "query",
        "required": False,
        "description": f"of an image/jpeg body, or of a form without this field: {schema['description']}",
        "schema": {key: value for key, value in schema.items() if key != "description"},
    }
    for name, schema in _TEXTS.items()
] + [
    {
        "name": "image_part",
        "in": "query",
        "required": False,
        "description": "name of the part of the form that has the image, if it is not `image`",
        "schema": {"type": "string", "example": "image"},
    }
]
