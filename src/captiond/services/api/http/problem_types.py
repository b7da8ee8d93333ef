"""The problem types of the API: name, status, title and an example of the detail."""

from dataclasses import dataclass
from http import HTTPStatus


@dataclass(frozen=True, slots=True)
class ProblemType:
    """A problem type. `name` is the last part of its URN; `retry` adds a Retry-After header."""

    name: str
    status: HTTPStatus
    title: str
    example: str
    retry: bool = False

    @property
    def urn(self) -> str:
        return f"urn:captiond:problem:{self.name}"


NOT_MULTIPART = ProblemType(
    "not-multipart",
    HTTPStatus.BAD_REQUEST,
    "The body has no format of an upload",
    "Send multipart/form-data with the parts `image` and `description`, image/jpeg with `description` in the query "
    "string, or application/json.",
)
MALFORMED_BODY = ProblemType(
    "malformed-body", HTTPStatus.BAD_REQUEST, "The body is malformed", "The body is not valid JSON."
)
INCOMPLETE_BODY = ProblemType(
    "incomplete-body",
    HTTPStatus.BAD_REQUEST,
    "The body is incomplete",
    "The client disconnected before the end of the body.",
)
REPEATED_HEADER = ProblemType(
    "repeated-header",
    HTTPStatus.BAD_REQUEST,
    "A header was sent more than once",
    "The request has 2 Idempotency-Key headers; send one.",
)
UNKNOWN_HOST = ProblemType(
    "unknown-host",
    HTTPStatus.MISDIRECTED_REQUEST,
    "The server does not serve this host",
    "This server does not serve the host 'example.com'; see the setting CAPTIOND_ALLOWED_HOSTS.",
)
DIGEST_MISMATCH = ProblemType(
    "digest-mismatch",
    HTTPStatus.BAD_REQUEST,
    "The body does not match its digest",
    "The body does not match its content-digest header; send it again.",
)
TOO_LARGE = ProblemType(
    "too-large",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "The upload is too large",
    "The image exceeds the limit of 10485760 bytes.",
)
NOT_A_JPEG = ProblemType(
    "not-a-jpeg",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "The file is not a JPEG",
    "The part `image` starts with 89 50 4e; a JPEG starts with ff d8 ff.",
)
INVALID_REQUEST = ProblemType(
    "invalid-request", HTTPStatus.UNPROCESSABLE_ENTITY, "The request is invalid", "description: must not be blank"
)
KEY_REUSED = ProblemType(
    "idempotency-key-reused",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "The Idempotency-Key was used for another upload",
    "An earlier request with this key had another image or description; use a new key.",
)
KEY_OF_DELETED_IMAGE = ProblemType(
    "idempotency-key-of-deleted-image",
    HTTPStatus.CONFLICT,
    "The image with this Idempotency-Key was deleted",
    "The image of an earlier request with this key was deleted; to archive it again, use a new key.",
)
OPERATORS_PATHS = (
    "/ops, /api/operations, /api/dead-letters, /api/webhooks, /api/audit and the deletion and legal holds of images"
)
OPERATIONS_DISABLED = ProblemType(
    "operations-disabled",
    HTTPStatus.FORBIDDEN,
    "The operations API is not available to this client",
    "The operations API is disabled. To allow it, set CAPTIOND_AUTH=keys. Or set CAPTIOND_OPERATIONS=on, and restrict "
    f"access to {OPERATORS_PATHS} by a reverse proxy or a firewall.",
)
UNKNOWN_DEAD_LETTER = ProblemType(
    "unknown-dead-letter",
    HTTPStatus.NOT_FOUND,
    "Dead letter not found",
    "No dead letter has this queue and entry; it may have been retried or dropped.",
)
UNKNOWN_WEBHOOK = ProblemType(
    "unknown-webhook", HTTPStatus.NOT_FOUND, "Webhook not found", "No webhook has this id; it may have been deleted."
)
WEBHOOK_CONFLICT = ProblemType(
    "webhook-conflict", HTTPStatus.CONFLICT, "Webhook cannot be added", "A webhook named 'alarms' exists."
)
INVALID_WEBHOOK = ProblemType(
    "invalid-webhook",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "Invalid webhook",
    "The URL must start with https:// or http:// and name a host.",
)
KEYS_NOT_REQUIRED = ProblemType(
    "keys-not-required",
    HTTPStatus.FORBIDDEN,
    "API keys are managed over HTTP only while they are required",
    "Create a key with `captiond keys create`, then set CAPTIOND_AUTH=keys.",
)
UNKNOWN_KEY = ProblemType(
    "unknown-key",
    HTTPStatus.NOT_FOUND,
    "No valid API key has this ID",
    "No API key has this id, or it is revoked already.",
)
KEY_NAME_TAKEN = ProblemType(
    "key-name-taken",
    HTTPStatus.CONFLICT,
    "Another valid API key has this name",
    "A key named 'gate' exists; choose another name, or revoke it first.",
)
TOO_MANY_KEYS = ProblemType(
    "too-many-keys",
    HTTPStatus.CONFLICT,
    "There are too many valid API keys",
    "There are 10000 valid keys, the maximum; revoke some first.",
)
UNKNOWN_IMAGE = ProblemType(
    "unknown-image", HTTPStatus.NOT_FOUND, "Image not found", "No image has this id; check the id."
)
IMAGE_DELETED = ProblemType(
    "image-deleted", HTTPStatus.GONE, "The image was deleted", "The image was deleted at 2026-11-23T22:31:00Z."
)
IMAGE_HELD = ProblemType(
    "image-held",
    HTTPStatus.CONFLICT,
    "A legal hold prevents the deletion",
    "The image has a legal hold; release it with `DELETE /api/images/{id}/hold` first.",
)
IN_FLIGHT = ProblemType(
    "image-in-flight",
    HTTPStatus.NOT_FOUND,
    "The image is not archived yet",
    "The image is queued; retry after the time in Retry-After.",
    retry=True,
)
IMAGE_FAILED = ProblemType(
    "image-failed",
    HTTPStatus.NOT_FOUND,
    "The image could not be captioned or archived",
    "not a readable JPEG: end of image before the first scan",
)
ORIGINAL_GONE = ProblemType(
    "original-gone",
    HTTPStatus.NOT_FOUND,
    "The upload cannot be restored",
    "the photo was re-encoded (more than one scan) and its upload was not stored",
)
NOT_SEALED = ProblemType(
    "not-sealed",
    HTTPStatus.CONFLICT,
    "The image is not sealed yet",
    "No seal contains the image yet; the archiver seals new images at intervals.",
)
RECORD_ALTERED = ProblemType(
    "record-altered",
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "The row of the image differs from its sealed record",
    "The row of the image differs from its sealed record; the operator can run `captiond verify`.",
)
NO_SIGNING_KEY = ProblemType(
    "no-signing-key",
    HTTPStatus.NOT_FOUND,
    "The server has no signing key",
    "The server has no signing key; see the setting CAPTIOND_SIGNING_KEYS.",
)
FILE_MISSING = ProblemType(
    "file-missing",
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "The file is missing from the archive",
    "The database has a row for this image, but its file is missing; the operator can run `captiond verify`.",
)
FILE_ALTERED = ProblemType(
    "file-altered",
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "The file in the archive was changed",
    "The size of the file differs from its row in the database; the operator can run `captiond verify`.",
)
NO_THUMBNAIL = ProblemType(
    "no-thumbnail",
    HTTPStatus.NOT_FOUND,
    "No thumbnail can be made of the image",
    "the compressed data cannot be decoded",
)
RANGE_NOT_SATISFIABLE = ProblemType(
    "range-not-satisfiable",
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    "Range not satisfiable",
    "The range lies outside the image; the Content-Range header gives its size in bytes.",
)
QUEUE_FULL = ProblemType(
    "queue-full",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "The queue is full",
    "The limit of queued images or bytes is reached; retry after the time in Retry-After.",
    retry=True,
)
UNAVAILABLE = ProblemType(
    "unavailable",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "Redis, the database or the images directory is unavailable",
    "Redis is unavailable.",
    retry=True,
)
SEARCH_BUSY = ProblemType(
    "search-busy",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "Too many searches are running",
    "Too many searches are running; retry after the time in Retry-After.",
    retry=True,
)
SEARCH_TIMEOUT = ProblemType(
    "search-timeout",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "The search took too long",
    "The search exceeded its time limit; restrict it with `from` and `to`.",
)
OVERLOADED = ProblemType(
    "overloaded",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "The server is overloaded",
    "The memory for uploads in progress is used up; retry after the time in Retry-After.",
    retry=True,
)
UNAUTHORIZED = ProblemType(
    "unauthorized",
    HTTPStatus.UNAUTHORIZED,
    "The request has no valid API key",
    "Send a valid API key as `Authorization: Bearer`, as `X-API-Key` or as the password of HTTP Basic.",
)
MISSING_SCOPE = ProblemType(
    "missing-scope",
    HTTPStatus.FORBIDDEN,
    "The API key lacks the scope",
    "The request needs the scope `read`; the API key has `upload`.",
)
WRONG_NETWORK = ProblemType(
    "wrong-network",
    HTTPStatus.FORBIDDEN,
    "The API key is not valid in this network",
    "The API key is limited to other networks than that of 203.0.113.7.",
)
WRONG_CAMERA = ProblemType(
    "wrong-camera",
    HTTPStatus.FORBIDDEN,
    "The API key is for another camera",
    "The API key is limited to the camera 'gate'; the upload names the camera 'yard'.",
)
CROSS_SITE = ProblemType(
    "cross-site-request",
    HTTPStatus.FORBIDDEN,
    "A page of another site sent the request",
    "The browser sent the request for a page of another origin (Sec-Fetch-Site: 'cross-site').",
)
RATE_LIMITED = ProblemType(
    "rate-limited",
    HTTPStatus.TOO_MANY_REQUESTS,
    "The client sends too many requests",
    "The limit of 10/second per client is reached; retry after 1 s.",
    retry=True,
)
PREVIEW_UNAVAILABLE = ProblemType(
    "preview-unavailable",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "The API cannot load the font of the captions",
    "The API cannot load the font of the captions; the operator finds the reason in its log.",
)
INTERNAL = ProblemType(
    "internal-error",
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "Internal error",
    "An unexpected error occurred; the service log has its traceback.",
)
# Errors below the framework, on every path.
MALFORMED = ProblemType(
    "malformed-request",
    HTTPStatus.BAD_REQUEST,
    "The request violates HTTP",
    "The request has 0 Host headers; it must have one.",
)
TIMEOUT = ProblemType(
    "request-timeout",
    HTTPStatus.REQUEST_TIMEOUT,
    "The request was too slow",
    "Request line and headers took longer than 20 s.",
)
HEAD_TOO_LARGE = ProblemType(
    "headers-too-large",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "Request line and headers are too large",
    "Request line and headers exceed the limit of 32768 bytes.",
)
NOT_IMPLEMENTED = ProblemType(
    "not-implemented",
    HTTPStatus.NOT_IMPLEMENTED,
    "The server does not support this feature of HTTP",
    "The only supported Transfer-Encoding is chunked.",
)
HTTP_VERSION = ProblemType(
    "http-version-not-supported",
    HTTPStatus.HTTP_VERSION_NOT_SUPPORTED,
    "The version of HTTP is not supported",
    "Send the request with HTTP/1.1 or HTTP/1.0.",
)


# Defined last, so that it contains every problem type.
PROBLEM_TYPES = tuple(value for value in list(globals().values()) if isinstance(value, ProblemType))
