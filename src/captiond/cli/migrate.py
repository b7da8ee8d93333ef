"""`captiond migrate`: creates or upgrades the database schema."""

from captiond.archive import migrate as migrate_database
from captiond.cli.console import console, load_settings
from captiond.cli.options import Adopt
from captiond.settings import ConfigurationError
from captiond.wiring.deployment import adopt_deployment


def migrate(adopt: Adopt = False) -> None:
    """Create or upgrade the database schema."""
    settings = load_settings()
    try:
        migrate_database(settings.database_url.get_secret_value())
    except ValueError as error:
        raise ConfigurationError(f"CAPTIOND_DATABASE_URL: {error}") from error
    console().print("the database schema is current")
    if adopt:
        adopt_deployment(settings)
        console().print("the queues and the images directory belong to the database")
