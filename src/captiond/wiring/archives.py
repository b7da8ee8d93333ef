"""Opens the archive that the settings name."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TypeVar

from captiond.archive import WORKER_LIMITS, Archive, TimeLimits
from captiond.settings import ConfigurationError, Settings

T = TypeVar("T")


def open_archive(settings: Settings, limits: TimeLimits = WORKER_LIMITS) -> AbstractContextManager[Archive]:
    """Open the archive. The first use connects to the database. Raises ConfigurationError."""
    return open_database(Archive.open(settings.database_url.get_secret_value(), settings.images_dir, limits))


@contextmanager
def open_database(opening: AbstractContextManager[T]) -> Iterator[T]:
    """Enter a context that raises ValueError for an unsupported URL of the database. Raises ConfigurationError."""
    with ExitStack() as opened:
        try:
            value = opened.enter_context(opening)
        except ValueError as error:
            raise ConfigurationError(f"CAPTIOND_DATABASE_URL: {error}") from error
        yield value
