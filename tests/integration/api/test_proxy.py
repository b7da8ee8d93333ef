"""Behind a reverse proxy with a path prefix: a real nginx with the configuration of the how-to page, and HTTPS."""

import os
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.integration.api.serving import Api, Backends, jpeg, open_api, record
from tests.servers.ports import free_port
from tests.servers.queues import RedisServer

REPOSITORY = Path(__file__).parents[3]
CONTENT = jpeg()
PREFIX = "/captiond"


@dataclass(frozen=True, slots=True)
class Proxied:
    """An app, and a client of the nginx in front of it."""

    api: Api
    client: httpx.Client


@pytest.fixture
def proxied(own_api: Api, tmp_path: Path) -> Iterator[Proxied]:
    if not (shutil.which("nginx") and shutil.which("openssl")):
        pytest.skip("REVERSE PROXY NOT TESTED: there is no nginx or no openssl")
    certificate, port = make_certificate(tmp_path), free_port()
    config = configure(tmp_path, port, own_api.url)
    command = ["nginx", "-e", f"{tmp_path}/error.log", "-c", str(config), "-g", "daemon off;"]
    nginx = subprocess.Popen(command)
    context = ssl.create_default_context(cafile=certificate)
    try:
        with httpx.Client(base_url=f"https://localhost:{port}", verify=context, timeout=30) as client:
            await_answer(client)
            yield Proxied(own_api, client)
    finally:
        nginx.terminate()
        nginx.wait(20)


def make_certificate(folder: Path) -> Path:
    certificate = folder / "fullchain.pem"
    files = ["-keyout", str(folder / "privkey.pem"), "-out", str(certificate)]
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, *files]
    subprocess.run(command, capture_output=True, timeout=60, check=True)
    return certificate


def configure(folder: Path, port: int, upstream: str) -> Path:
    """The server of the how-to page, with the ports and files of this test and without a password."""
    page = (REPOSITORY / "docs/how-to/reverse-proxy.md").read_text("utf-8")
    server = next(
        block for block in re.findall(r"^```nginx\n(.*?)^```$", page, re.MULTILINE | re.DOTALL) if "Forwarded" in block
    )
    server = re.sub(r"/etc/\S*/", f"{folder}/", server).replace("listen 443", f"listen 127.0.0.1:{port}")
    server = re.sub(r"auth_basic.*;", "", server).replace("http://127.0.0.1:8000", upstream)
    temporary = "".join(
        f"{name}_temp_path {folder}/{name}; " for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root; " if os.geteuid() == 0 else ""
    config = folder / "nginx.conf"
    config.write_text(f"{user}pid {folder}/pid; events {{}} http {{ access_log off; {temporary} {server} }}")
    return config


def await_answer(client: httpx.Client) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            client.get("/")
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def test_location_of_an_upload_keeps_the_prefix(proxied: Proxied) -> None:
    files = {"image": ("photo.jpg", CONTENT, "image/jpeg")}

    sent = proxied.client.post(f"{PREFIX}/api/images", files=files, data={"description": "x"})
    proxied.api.caption()
    proxied.api.store()

    assert sent.status_code == 202
    assert sent.headers["location"].startswith(f"{PREFIX}/api/images/")
    assert proxied.client.get(sent.headers["location"]).content == CONTENT


def test_link_of_a_page_keeps_the_prefix(proxied: Proxied) -> None:
    proxied.api.archive(*(record(CONTENT, f"{number}") for number in range(3)))

    first = proxied.client.get(f"{PREFIX}/api/images?limit=2")
    following = first.links["next"]["url"]

    assert following.startswith(f"{PREFIX}/api/images?limit=2&before=")
    assert (len(first.json()), len(proxied.client.get(following).json())) == (2, 1)


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_documentation_and_its_assets_keep_the_prefix(proxied: Proxied, page: str) -> None:
    html = proxied.client.get(f"{PREFIX}{page}").text

    paths = re.findall(r"""(?:src|href|spec-url|url)["']?\s*[=:]\s*["'](/[^"']+)["']""", html)
    assert len(paths) >= 3
    assert {path: proxied.client.get(path).status_code for path in paths} == dict.fromkeys(paths, 200)
    assert all(path.startswith(f"{PREFIX}/") for path in paths)


def test_page_links_and_loads_below_the_prefix(proxied: Proxied) -> None:
    page = proxied.client.get(f"{PREFIX}/").text
    urls = [url for url in re.findall(r'(?:href|src|action)="([^"]*)"', page) if not url.startswith("#")]

    assert urls
    assert [url for url in urls if not url.startswith(f"{PREFIX}/")] == []
    assert f'data-root="{PREFIX}"' in page
    for url in re.findall(r'(?:src|rel="stylesheet" href)="([^"]*)"', page):
        assert proxied.client.get(url).status_code == 200


def test_openapi_document_names_the_prefix_as_server(proxied: Proxied) -> None:
    assert proxied.client.get(f"{PREFIX}/openapi.json").json()["servers"] == [{"url": PREFIX}]


def test_events_pass_the_proxy_unbuffered(proxied: Proxied) -> None:
    with proxied.client.stream("GET", f"{PREFIX}/api/events") as response:
        lines = response.iter_lines()
        proxied.api.send(CONTENT, "x")
        assert any("queued" in line for line in lines)


@pytest.mark.parametrize("prefix", ["/captiond", "/a/b-c_d.e~1/"])
def test_prefix_of_a_proxy_on_this_machine_is_accepted(own_api: Api, prefix: str) -> None:
    sent = own_api.send(CONTENT, "x", X_Forwarded_Prefix=prefix)

    assert sent.headers["location"] == f"{prefix.rstrip('/')}/api/images/{sent.json()['id']}"


@pytest.mark.parametrize("prefix", ["//evil.example", "https://evil.example", "/a b", "/%2F", "a", "/", "/a//b"])
def test_invalid_prefix_is_ignored(own_api: Api, prefix: str) -> None:
    sent = own_api.send(CONTENT, "x", X_Forwarded_Prefix=prefix)

    assert sent.headers["location"] == f"/api/images/{sent.json()['id']}"


def test_prefix_of_an_untrusted_client_is_ignored(valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(valkey.url, tmp_path, trusted_proxies="10.0.0.0/8")) as api:
        sent = api.send(CONTENT, "x", X_Forwarded_Prefix="/evil")

    assert sent.headers["location"] == f"/api/images/{sent.json()['id']}"


def test_root_path_is_the_prefix_without_a_header(valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(valkey.url, tmp_path, root_path="/base")) as api:
        sent = api.send(CONTENT, "x")
        health = api.client.get("/health/live")

    assert sent.headers["location"] == f"/base/api/images/{sent.json()['id']}"
    assert health.status_code == 200
