"""What users of the package see: its imports, its types and the errors of its arguments."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from captiond.client import Client, InvalidApiKey, InvalidUrl

SCRIPT = """
import asyncio
from pathlib import Path

from captiond.client import AsyncClient, Client, ProblemError, Unavailable


def send(photo: Path) -> str | None:
    with Client("http://127.0.0.1:8000", api_key="key") as client:
        try:
            accepted = client.upload(photo, description="Gate 4", labels={"speed": "83"})
        except ProblemError as error:
            return f"{error.status} {error.type}: {error.detail}"
        except Unavailable as error:
            return error.reason
        for image in client.images(camera="north", damaged=False):
            width: int = image.width
            print(width, image.labels.get("speed"))
        return client.wait(accepted.id, timeout=5).reason


async def count() -> int:
    async with AsyncClient("http://127.0.0.1:8000") as client:
        return len([event async for event in client.events()])


asyncio.run(count())
"""
WRONG = 'from captiond.client import Client\n\nClient("http://x").images(colour="red")\n'


def test_import_loads_no_library_of_the_server() -> None:
    program = "import captiond.client, json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    modules = set(json.loads(done.stdout))
    server = {"PIL", "alembic", "fastapi", "jinja2", "pydantic", "redis", "sqlalchemy", "starlette", "typer", "uvicorn"}

    assert not {name.partition(".")[0] for name in modules} & server
    own = {name for name in modules if name.startswith("captiond.") and not name.startswith("captiond.client")}
    assert own == {"captiond.backoff", "captiond.times"}
    assert "asyncio" not in modules


def test_script_passes_strict_type_checks_and_a_wrong_filter_does_not(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "wrong.py").write_text(WRONG)
    options = ["--strict", "--no-error-summary", "--config-file=", f"--cache-dir={tmp_path}", "script.py", "wrong.py"]

    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    error, *_note = done.stdout.splitlines()
    assert error.startswith("wrong.py:3: error: Unexpected keyword argument")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ftp://user:secret@host/path", "ftp://***@host/path"),
        ("http://user:secret@", "http://***@"),
        ("http://user:secret@host:port", "http://***@host:port"),
        ("http://user:secret/@secret@[::1", "http://***@[::1"),
        ("http:/user:secret@host", "http:/***@host"),
        ("user:secret@host", "***@host"),
        ("//user:secret\n@host", "***@host"),
        ("localhost:8000", "localhost:8000"),
    ],
)
def test_error_of_an_invalid_url_hides_the_password(url: str, shown: str) -> None:
    with pytest.raises(InvalidUrl) as caught:
        Client(url)

    assert str(caught.value) == f"invalid URL {shown!r}; use for example http://127.0.0.1:8000"


@pytest.mark.parametrize("key", ["a b", "ключ", "a\nb"])
def test_invalid_key_is_refused(key: str) -> None:
    with pytest.raises(InvalidApiKey):
        Client("http://127.0.0.1", key)


def test_shown_url_has_no_password() -> None:
    with Client("http://user:secret@127.0.0.1:8000/prefix") as client:
        assert client.shown_url == "http://127.0.0.1:8000/prefix"
