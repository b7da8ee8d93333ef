"""Records what commands do in the audit log."""

from uuid import UUID

from captiond.cli.errors import print_error
from captiond.settings import Settings
from captiond.wiring.audit import record_command


def record(
    settings: Settings, action: str, *, result: str = "ok", image_id: UUID | None = None, detail: str | None = None
) -> None:
    """Record what a command has done, before it reports success. Prints what lacks the entry."""
    if problem := record_command(settings, action, result=result, image_id=image_id, detail=detail):
        print_error(f"warning: cannot write the audit log of this {action}: {problem}")
