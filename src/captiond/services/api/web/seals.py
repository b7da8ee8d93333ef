"""The view of the seals."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from captiond.archive import Archive, StoredSeal
from captiond.archive.seals import Seal
from captiond.services.api.context import Context
from captiond.services.api.http.deadline import DeadlineRoute
from captiond.services.api.web.rendering import render

PAGE_SEALS = 50
_MAX_NUMBER = 2**31 - 1

router = APIRouter(include_in_schema=False, route_class=DeadlineRoute)


@dataclass(frozen=True, slots=True)
class SealView:
    """A seal. `statement` is None if the stored one cannot be read, because it was altered."""

    number: int
    hash: str
    statement: Seal | None
    is_signed: bool
    is_time_stamped: bool

    @classmethod
    def of(cls, seal: StoredSeal | None) -> "SealView | None":
        """Return None for no seal."""
        if seal is None:
            return None
        try:
            statement = seal.seal
        except ValueError:
            statement = None
        return cls(seal.number, seal.hash.hex(), statement, seal.signature is not None, seal.time_stamp is not None)


@router.get("/seals")
async def show_seals(
    request: Request, context: Context, before: Annotated[int | None, Query(ge=2, le=_MAX_NUMBER)] = None
) -> HTMLResponse:
    """Show seals, the newest first: those with a smaller number than `before`."""
    seals = await context.archive_access.run(lambda: _find(context.archive, before))
    older = seals[-1].number if seals and seals[-1].number > 1 else None
    return render(
        request,
        "seals.html",
        seals=[SealView.of(seal) for seal in seals],
        before=before,
        older=older,
        signs=context.signing.keys.signer is not None,
    )


def _find(archive: Archive, before: int | None) -> list[StoredSeal]:
    """Return a page, newest first. The numbers have no gaps, unless rows were deleted."""
    if before is None:
        newest = archive.seals.last()
        before = newest.number + 1 if newest else 1
    seals = archive.seals.page(max(before - 1 - PAGE_SEALS, 0), PAGE_SEALS)
    return [seal for seal in reversed(seals) if seal.number < before]
