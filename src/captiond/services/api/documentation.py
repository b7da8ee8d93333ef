"""The pages /docs and /redoc, which load everything from this server."""

import base64
import re
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from pathlib import Path

import fastapi_offline
from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import HTMLResponse, RedirectResponse, Response

ASSETS = "/static-offline-docs"
REDOC_SCRIPT = "/redoc.standalone.js"
# ReDoc loads its logo from a CDN and has no option to omit it.
REDOC_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"
EMPTY_IMAGE = b"data:,"
INLINE_SCRIPT, INLINE_STYLE = (re.compile(f"<{tag}>(.*?)</{tag}>", re.DOTALL) for tag in ("script", "style"))
# SHA-256 of the style elements that ReDoc creates: an empty one, which it fills by script, and that of its scroll bars.
REDOC_STYLES = ("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc=")
# ReDoc searches in a worker that it creates from a blob; Swagger UI shows responses that are images as blobs.
POLICY = (
    "default-src 'none'; script-src 'self'{scripts}; style-src 'self'{styles}; img-src 'self' data: blob:; "
    "connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

router = APIRouter(include_in_schema=False)
root_router = APIRouter(include_in_schema=False)


@root_router.get("/")
async def redirect_to_docs(request: Request) -> RedirectResponse:
    return RedirectResponse(f"{request.scope.get('root_path', '')}/docs")


@router.get("/docs")
async def show_swagger_ui(request: Request) -> HTMLResponse:
    root = request.scope.get("root_path", "")
    page = get_swagger_ui_html(
        openapi_url=f"{root}/openapi.json",
        title="captiond - Swagger UI",
        swagger_js_url=f"{root}{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{root}{ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{root}{ASSETS}/favicon.png",
        swagger_ui_parameters={"validatorUrl": None},
    )
    return _add_policy(page)


@router.get("/redoc")
async def show_redoc(request: Request) -> HTMLResponse:
    root = request.scope.get("root_path", "")
    page = get_redoc_html(
        openapi_url=f"{root}/openapi.json",
        title="captiond - ReDoc",
        redoc_js_url=f"{root}{REDOC_SCRIPT}",
        redoc_favicon_url=f"{root}{ASSETS}/favicon.png",
        with_google_fonts=False,
    )
    return _add_policy(page, REDOC_STYLES)


@router.get(REDOC_SCRIPT)
async def load_redoc() -> Response:
    return Response(_read_redoc(), media_type="text/javascript", headers={"Cache-Control": "max-age=3600"})


@cache
def _read_redoc() -> bytes:
    """Return ReDoc without the URL of its logo."""
    script = Path(fastapi_offline.__file__).with_name("static") / "redoc.standalone.js"
    return script.read_bytes().replace(REDOC_LOGO, EMPTY_IMAGE)


def _add_policy(page: HTMLResponse, style_hashes: Iterable[str] = ()) -> HTMLResponse:
    """Allow the inline scripts and styles of the page by their hashes, and no other."""
    html = bytes(page.body).decode()
    scripts = map(_hash, INLINE_SCRIPT.findall(html))
    styles = (*map(_hash, INLINE_STYLE.findall(html)), *style_hashes)
    page.headers["Content-Security-Policy"] = POLICY.format(scripts=_sources(scripts), styles=_sources(styles))
    return page


def _hash(text: str) -> str:
    return base64.b64encode(sha256(text.encode()).digest()).decode()


def _sources(hashes: Iterable[str]) -> str:
    return "".join(f" 'sha256-{each}'" for each in hashes)
