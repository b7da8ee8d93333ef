"""Scripts and styles, below a path that changes with their contents, so that browsers cache them without asking."""

from functools import cache
from hashlib import sha256
from os import PathLike, stat_result
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).with_name("static")


class Assets(StaticFiles):
    """Serves `static/`, to be cached for a year."""

    def __init__(self) -> None:
        super().__init__(directory=FOLDER)

    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


@cache
def assets_path() -> str:
    """Return the path of the files of this version, such as `/static/0f3a9c21d5e8`."""
    digest = sha256()
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(FOLDER)}\0".encode() + sha256(path.read_bytes()).digest())
    return f"/static/{digest.hexdigest()[:12]}"
