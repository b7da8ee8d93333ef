"""`captiond migrate`: creates, upgrades or reverts the database schema."""

from typing import Annotated

import typer

from captiond.archive import migrate as migrate_database
from captiond.archive import revert
from captiond.cli.console import console, load_settings
from captiond.cli.errors import UsageError
from captiond.cli.options import Adopt
from captiond.settings import ConfigurationError
from captiond.wiring.deployment import adopt_deployment


def migrate(
    adopt: Adopt = False,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="REVISION", help="Revert to this earlier revision. Deletes what it lacks."),
    ] = None,
) -> None:
    """Create or upgrade the database schema."""
    if adopt and to is not None:
        raise UsageError("--adopt and --to exclude each other")
    settings = load_settings()
    try:
        if to is not None:
            revert(settings.database_url.get_secret_value(), to)
            console().print(f"the database schema has the revision {to}", highlight=False)
            return
        migrate_database(settings.database_url.get_secret_value())
    except ValueError as error:
        raise ConfigurationError(f"CAPTIOND_DATABASE_URL: {error}") from error
    console().print("the database schema is current")
    if adopt:
        adopt_deployment(settings)
        console().print("the queues and the images directory belong to the database")
