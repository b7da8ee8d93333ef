"""The view that sends images."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from captiond.services.api.web.rendering import render

router = APIRouter(include_in_schema=False)


@router.get("/")
async def show_send(request: Request) -> HTMLResponse:
    return render(request, "send.html")
