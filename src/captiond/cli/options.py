"""Options of several commands."""

from typing import Annotated

import typer

Host = Annotated[str, typer.Option(metavar="HOST", help="Address to listen on.")]
Port = Annotated[int, typer.Option(metavar="PORT", min=1, max=65535, help="Port to listen on.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Log only warnings and errors to stderr.")]
Adopt = Annotated[
    bool,
    typer.Option("--adopt", help="Make the queues and the images directory those of the database."),
]
# Each command whose process is not a service has one of them. docs/reference/json.md describes the fields.
AsJson = Annotated[bool, typer.Option("--json", help="Print a JSON object.")]
AsJsonLines = Annotated[bool, typer.Option("--json", help="Print a JSON object per line.")]
Url = Annotated[str | None, typer.Option(metavar="URL", help="URL of the API.", show_default="CAPTIOND_API_URL")]
