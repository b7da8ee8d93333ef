"""The addresses to which a login returns."""

import pytest

from captiond.services.api.web.local_paths import choose_target, find_view


@pytest.mark.parametrize(
    "path", ["/", "/images?q=a%20b&label=x:1", "/images/0197", "/ops#dead-letters", "/loginx", "/a//b"]
)
def test_local_path_is_the_target(path: str) -> None:
    assert choose_target(path) == path


@pytest.mark.parametrize(
    "path",
    [
        None,
        "",
        "images",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/images\\..\\..",
        "/\t/evil.example",
        "/\n/evil.example",
        "\t//evil.example",
        " //evil.example",
        "/ /evil.example",
        "/\x00",
        "/é",
        "http://evil.example/",
        "https:evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "@evil.example",
        "/login",
        "/login?next=/login",
        "/logout",
        "/" + "a" * 2000,
    ],
)
def test_other_text_leads_to_the_first_view(path: str | None) -> None:
    assert choose_target(path) == "/"


@pytest.mark.parametrize(
    ("method", "path", "query", "view"),
    [
        ("GET", b"/images/%D1%8F", b"q=%20x", "/images/%D1%8F?q=%20x"),
        ("HEAD", b"/images", b"", "/images"),
        ("POST", b"/ops/dead-letters", b"a=1", "/ops"),
        ("POST", b"/ops/keys/0197a3f2-5c1e-7b7e-9a55-0c3e6a0d2f11/revoke", b"", "/ops/keys"),
        ("POST", b"/ops/webhooks/0197a3f2-5c1e-7b7e-9a55-0c3e6a0d2f11/rotate", b"", "/ops/webhooks"),
        (
            "POST",
            b"/images/0197a3f2-5c1e-7b7e-9a55-0c3e6a0d2f11",
            b"q=x",
            "/images/0197a3f2-5c1e-7b7e-9a55-0c3e6a0d2f11",
        ),
        ("POST", b"/", b"", "/"),
        ("POST", b"//evil.example", b"", "/"),
    ],
)
def test_view_of_a_request(method: str, path: bytes, query: bytes, view: str) -> None:
    assert find_view({"type": "http", "method": method, "raw_path": path, "query_string": query}) == view
