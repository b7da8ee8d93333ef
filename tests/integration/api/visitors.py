"""Browsers that have logged in to the page."""

from dataclasses import dataclass
from http.cookies import Morsel, SimpleCookie
from uuid import uuid4

import httpx

from captiond.access import ApiKey, Scope
from tests.integration.api.serving import Api

HTML = {"Accept": "text/html"}
# What a page's own form sends.
OWN = {"Sec-Fetch-Site": "same-origin"}
NAME = "captiond-session"


@dataclass(frozen=True)
class Visitor:
    """A browser that has logged in."""

    api: Api
    key: ApiKey
    cookie: str

    def request(self, method: str, path: str, headers: dict[str, str] | None = None, **body: object) -> httpx.Response:
        sent = {"Cookie": self.cookie, **HTML, **({} if method == "GET" else OWN), **(headers or {})}
        return self.api.client.request(method, path, headers=sent, **body)  # type: ignore[arg-type] # of httpx

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.request("GET", path, {name.replace("_", "-"): value for name, value in headers.items()})


def log_in(api: Api, token: str, path: str = "/login", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = api.client.post(path, data={"key": token}, headers={**HTML, **OWN, **named})
    api.client.cookies.clear()  # each request states its cookie
    return response


def visit(api: Api, *scopes: Scope) -> Visitor:
    key, token = api.create_key(uuid4().hex, *scopes)
    cookie = read_cookie(log_in(api, token))
    return Visitor(api, key, f"{cookie.key}={cookie.value}")


def read_cookie(response: httpx.Response) -> "Morsel[str]":
    [morsel] = SimpleCookie(response.headers["set-cookie"]).values()
    return morsel
