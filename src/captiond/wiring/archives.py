"""Opens the archive that the settings name."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from captiond.archive import WORKER_LIMITS, Archive, TimeLimits
from captiond.settings import ConfigurationError, Settings


@contextmanager
def open_archive(settings: Settings, limits: TimeLimits = WORKER_LIMITS) -> Iterator[Archive]:
    """Open the archive. The first use connects to the database. Raises ConfigurationError."""
    url = settings.database_url.get_secret_value()
    with ExitStack() as opened:
        try:
            archive = opened.enter_context(Archive.open(url, settings.images_dir, limits))
        except ValueError as error:
            raise ConfigurationError(f"CAPTIOND_DATABASE_URL: {error}") from error
        yield archive
