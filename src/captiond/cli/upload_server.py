"""The server that `captiond send`, `simulate` and `watch` upload to, and that `captiond export` downloads from."""

from collections.abc import Callable
from typing import TypeVar

import httpx

from captiond.cli.errors import UsageError
from captiond.client import Client, Retries
from captiond.client import errors as client_errors
from captiond.settings import Settings, require_value
from captiond.upload_client import InvalidApiKey, InvalidUrl, UploadClient, open_client

T = TypeVar("T")


def connect(settings: Settings, url: str | None, api_key: str | None = None, retries: Retries | None = None) -> Client:
    """Return a client for the URL and the API key from the options, else from the settings.

    Raises UsageError, and StackNotRunning for the URL of a stopped stack.
    """
    return _open(lambda server, key: Client(server, key, retries=retries), settings, url, api_key)


def open_upload_client(settings: Settings, url: str | None, api_key: str | None = None) -> UploadClient:
    """Return a client for the URL and the API key from the options, else from the settings.

    Raises UsageError, and StackNotRunning for the URL of a stopped stack.
    """
    return _open(UploadClient, settings, url, api_key)


def open_api_client(settings: Settings, url: str | None) -> tuple[httpx.Client, str]:
    """Return a client for other requests, and its URL without user and password. Raises as `open_upload_client`."""
    return _open(open_client, settings, url, None)


def _open(make: Callable[[str, str | None], T], settings: Settings, url: str | None, api_key: str | None) -> T:
    if url is None:
        require_value(settings, "api_url")
    key = api_key or (settings.api_key.get_secret_value() if settings.api_key else None)
    try:
        return make(url or settings.api_url, key)
    except (InvalidUrl, client_errors.InvalidUrl) as error:
        raise UsageError(f"{'--url' if url else 'CAPTIOND_API_URL'}: {error}") from error
    except (InvalidApiKey, client_errors.InvalidApiKey) as error:
        raise UsageError(f"{'--api-key' if api_key else 'CAPTIOND_API_KEY'}: {error}") from error
