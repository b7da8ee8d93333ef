"""The paths of uploads."""

_UPLOADING = frozenset({("POST", "/api/images"), ("POST", "/")})
_INGEST = "/api/ingest/"


def is_upload(method: str, path: str) -> bool:
    """Return whether a request sends images. `path` has no prefix of a proxy."""
    return (method, path) in _UPLOADING or path.startswith(_INGEST)
