"""`captiond migrate`: creates, upgrades or reverts the database schema."""

from typing import Annotated

import typer

from captiond.archive import migrate as migrate_database
from captiond.archive import revert
from captiond.cli.console import console, load_settings
from captiond.cli.errors import UsageError
from captiond.cli.json_output import print_json
from captiond.cli.options import Adopt, AsJson
from captiond.settings import ConfigurationError
from captiond.wiring.deployment import adopt_deployment


def migrate(
    adopt: Adopt = False,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="REVISION", help="Revert to this earlier revision. Deletes what it lacks."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create or upgrade the database schema."""
    if adopt and to is not None:
        raise UsageError("--adopt and --to exclude each other")
    settings = load_settings()
    try:
        if to is not None:
            revert(settings.database_url.get_secret_value(), to)
            revision = to
        else:
            revision = migrate_database(settings.database_url.get_secret_value())
    except ValueError as error:
        raise ConfigurationError(f"CAPTIOND_DATABASE_URL: {error}") from error
    if not as_json:
        current = "is current" if to is None else f"has the revision {to}"
        console().print(f"the database schema {current}", highlight=False)
    if adopt:
        adopt_deployment(settings)
    if as_json:
        print_json({"revision": revision, "adopted": adopt})
    elif adopt:
        console().print("the queues and the images directory belong to the database")
