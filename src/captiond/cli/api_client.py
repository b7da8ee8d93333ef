"""The server that commands use over its HTTP API."""

from captiond.cli.errors import UsageError
from captiond.client import Client, InvalidApiKey, InvalidUrl, Retries
from captiond.settings import Settings, require_value


def connect(settings: Settings, url: str | None, api_key: str | None = None, retries: Retries | None = None) -> Client:
    """Return a client for the URL and the API key from the options, else from the settings.

    Raises UsageError, and StackNotRunning for the URL of a stopped stack.
    """
    if url is None:
        require_value(settings, "api_url")
    key = api_key or (settings.api_key.get_secret_value() if settings.api_key else None)
    try:
        return Client(url or settings.api_url, key, retries=retries)
    except InvalidUrl as error:
        raise UsageError(f"{'--url' if url else 'CAPTIOND_API_URL'}: {error}") from error
    except InvalidApiKey as error:
        raise UsageError(f"{'--api-key' if api_key else 'CAPTIOND_API_KEY'}: {error}") from error
