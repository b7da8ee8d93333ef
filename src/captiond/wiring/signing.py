"""Reads the signing keys that the settings name."""

from captiond.evidence import InvalidKeyFile, SigningKeys
from captiond.settings import ConfigurationError, Settings


def make_signing_keys(settings: Settings) -> SigningKeys:
    """Read the signing keys; none without a file. Raises ConfigurationError."""
    if settings.signing_keys is None:
        return SigningKeys(())
    try:
        return SigningKeys.read(settings.signing_keys)
    except InvalidKeyFile as error:
        raise ConfigurationError(f"CAPTIOND_SIGNING_KEYS: {error}") from error


def read_time_stamp_url(settings: Settings) -> str | None:
    """Return the URL of the time-stamping authority."""
    return settings.time_stamp_url.get_secret_value() if settings.time_stamp_url else None
