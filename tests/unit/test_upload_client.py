"""Tests of the errors of the upload client."""

import pytest

from captiond.upload_client import InvalidUrl, UploadClient


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ftp://user:secret@host/path", "ftp://***@host/path"),
        ("http://user:secret@", "http://***@"),
        ("http://user:secret@host:port", "http://***@host:port"),
        ("http://user:secret/@secret@[::1", "http://***@[::1"),
        ("http:/user:secret@host", "http:/***@host"),
        ("user:secret@host", "***@host"),
        ("//user:secret\n@host", "***@host"),
        ("localhost:8000", "localhost:8000"),
    ],
)
def test_error_of_an_invalid_url_hides_the_password(url: str, shown: str) -> None:
    with pytest.raises(InvalidUrl) as caught:
        UploadClient(url)

    assert str(caught.value) == f"invalid URL {shown!r}; use for example http://127.0.0.1:8000"
