"""Reads uploads of three formats: a multipart form, a bare JPEG, and JSON with the JPEG in base64."""

import json
from collections.abc import AsyncIterator
from functools import partial
from hashlib import sha256

from starlette.requests import ClientDisconnect, Request

from captiond.services.api.http.digests import BodyDigest
from captiond.services.api.http.json_members import RepeatedMember, unique_members
from captiond.services.api.http.large_bodies import decode_base64, parse_body
from captiond.services.api.http.problem_types import INCOMPLETE_BODY, MALFORMED_BODY, NOT_MULTIPART
from captiond.services.api.http.problems import CLOSE, FieldError, Problem
from captiond.services.api.upload.body import (
    UploadBody,
    check_content_length,
    image_too_large,
    require_digest,
    require_jpeg,
)
from captiond.services.api.upload.fields import (
    UploadFields,
    parse_fields,
    read_query,
    select_query_fields,
)
from captiond.services.api.upload.form import MAX_FORM_OVERHEAD_BYTES, FormParameters, read_upload_form
from captiond.services.api.upload.multipart import parse_parameters

FORM = "multipart/form-data"
BARE = ("image/jpeg", "application/octet-stream", "image/jpg", "image/pjpeg")  # the last two are old names
JSON = "application/json"
IDENTITY = "identity"
# The bytes of a JSON document besides the image.
MAX_JSON_OVERHEAD_BYTES = 256 << 10
JSON_COPIES = 3  # the document, its image in base64, the decoded image
_DATA_URL = "data:"


async def read_upload(request: Request, max_image_bytes: int) -> UploadBody:
    """Read and validate an upload in the format that Content-Type names. Raises Problem."""
    media_type, parameters = parse_parameters(request.headers.get("content-type", ""))
    coding = request.headers.get("content-encoding", IDENTITY)
    if coding.lower() != IDENTITY:
        raise Problem(MALFORMED_BODY, f"The body has the Content-Encoding {coding[:64]!r}; send it without.")
    digest = BodyDigest(request.headers)
    try:
        if media_type == FORM:
            form = FormParameters(get_boundary(parameters), parameters.get("charset", ""))
            return await read_upload_form(request, form, max_image_bytes, digest)
        if media_type in BARE:
            return await _read_bare(request, max_image_bytes, digest)
        if media_type == JSON:
            return await _read_json(request, max_image_bytes, digest)
    except ClientDisconnect as error:
        raise Problem(INCOMPLETE_BODY, INCOMPLETE_BODY.example) from error
    raise Problem(NOT_MULTIPART, NOT_MULTIPART.example)


def expected_memory_bytes(request: Request, max_image_bytes: int) -> int:
    """Return how much memory the body may take. Without Content-Length, it may be that of the largest upload."""
    is_json = request.headers.get("content-type", "").startswith(JSON)
    max_bytes = json_bytes(max_image_bytes) if is_json else max_image_bytes + MAX_FORM_OVERHEAD_BYTES
    declared = request.headers.get("content-length", "")
    size_bytes = min(int(declared), max_bytes) if declared.isdigit() else max_bytes
    return size_bytes * (JSON_COPIES if is_json else 1)


def get_boundary(parameters: dict[str, str]) -> bytes:
    """Return the boundary that Content-Type names. Raises Problem."""
    if not parameters.get("boundary"):
        detail = "The Content-Type header has no boundary; most HTTP clients add one if you do not set the header."
        raise Problem(NOT_MULTIPART, detail)
    return parameters["boundary"].encode("latin-1")


async def _read_bare(request: Request, max_image_bytes: int, digest: BodyDigest) -> UploadBody:
    """Read a body that is the JPEG. The fields are in the query string."""
    fields = _read_query(request)  # first, because nothing must be read of a body that is rejected anyway
    check_content_length(request, max_image_bytes, max_image_bytes)
    image = await read_body(request.stream(), digest, max_image_bytes, max_image_bytes)
    if not image:
        raise Problem.invalid([FieldError(field="image", detail="is empty")])
    require_jpeg(image, "The body")
    return UploadBody(image, sha256(image).digest(), fields)


def _read_query(request: Request) -> UploadFields:
    errors: list[FieldError] = []
    fields = parse_fields(select_query_fields(read_query(request), errors), errors)
    if errors:
        problem = Problem.invalid(errors)
        problem.headers.update(CLOSE)
        raise problem
    return fields


async def _read_json(request: Request, max_image_bytes: int, digest: BodyDigest) -> UploadBody:
    """Read an object with the fields and the image in base64, also as a data URL."""
    max_bytes = json_bytes(max_image_bytes)
    check_content_length(request, max_bytes, max_image_bytes)
    document = await read_body(request.stream(), digest, max_bytes, max_image_bytes)
    return await parse_body(document, partial(_parse_json, max_image_bytes=max_image_bytes))


def _parse_json(document: bytes, max_image_bytes: int) -> UploadBody:
    """The largest document takes 0.2 s."""
    try:
        values = json.loads(document, object_pairs_hook=unique_members)
    except RepeatedMember as error:
        raise Problem(MALFORMED_BODY, f"The JSON body has the name {error.name[:64]!r} twice.") from error
    except UnicodeDecodeError as error:
        raise Problem(MALFORMED_BODY, "The body is not valid JSON: it is not UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise Problem(MALFORMED_BODY, "The body is not valid JSON.") from error
    if not isinstance(values, dict):
        raise Problem(MALFORMED_BODY, "The JSON body must be an object with `image` and `description`.")
    errors: list[FieldError] = []
    image = _decode_image(values.get("image"), errors)
    fields = parse_fields(values, errors)
    if errors:
        raise Problem.invalid(errors)
    if len(image) > max_image_bytes:
        raise image_too_large(max_image_bytes)
    require_jpeg(image, "`image`")
    return UploadBody(image, sha256(image).digest(), fields)


def _decode_image(value: object, errors: list[FieldError]) -> bytes:
    if not isinstance(value, str) or not value:
        detail = "is missing" if value is None else "must be the JPEG in base64"
        errors.append(FieldError(field="image", detail=detail))
        return b""
    is_data_url = value[: len(_DATA_URL)].lower() == _DATA_URL
    text = value.partition(",")[2] if is_data_url else value
    try:
        image = decode_base64("".join(text.split()))
    except ValueError:
        errors.append(FieldError(field="image", detail="is not valid base64"))
        return b""
    if not image:
        errors.append(FieldError(field="image", detail="is empty"))
    return image


async def read_body(stream: AsyncIterator[bytes], digest: BodyDigest, max_bytes: int, max_image_bytes: int) -> bytes:
    """Read a whole body, and check its digest. Raises Problem and ClientDisconnect."""
    content = bytearray()
    async for chunk in stream:
        digest.update(chunk)
        content += chunk
        if len(content) > max_bytes:
            raise image_too_large(max_image_bytes)
    require_digest(digest)
    return bytes(content)


def json_bytes(max_image_bytes: int) -> int:
    """Return the size of a document with the largest image in base64, with line breaks as MIME has them."""
    return -(-max_image_bytes // 3) * 4 * 78 // 76 + MAX_JSON_OVERHEAD_BYTES
