"""Which requests come from pages of other sites."""

import pytest

from captiond.services.api.security.cross_site import find_fault

Headers = list[tuple[bytes, bytes]]


def headers(**values: str) -> Headers:
    return [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in values.items()]


ALLOWED: dict[str, Headers] = {
    "camera or curl": headers(host="10.0.0.5:8000"),
    "same origin": headers(
        host="captiond.example.com", origin="https://captiond.example.com", sec_fetch_site="same-origin"
    ),
    "user": headers(host="captiond.example.com", sec_fetch_site="none"),
    "Sec-Fetch-Site decides": headers(
        host="127.0.0.1:8000", origin="https://example.com", sec_fetch_site="same-origin"
    ),
    "plain HTTP": headers(host="10.0.0.5:8000", origin="http://10.0.0.5:8000"),
    "default port": headers(host="example.com", origin="https://example.com"),
    "default port in Host": headers(host="example.com:443", origin="https://example.com"),
    "proxy without the port": headers(host="example.com", origin="https://example.com:8443"),
    "upper case": headers(host="Captiond.Example.com", origin="http://captiond.example.com"),
    "IPv6": headers(host="[::1]:8000", origin="http://[::1]:8000"),
}
REFUSED: dict[str, Headers] = {
    "cross-site": headers(host="example.com", sec_fetch_site="cross-site"),
    "same-site": headers(host="example.com", origin="https://example.com", sec_fetch_site="same-site"),
    "unknown site": headers(host="example.com", sec_fetch_site="else"),
    "other origin": headers(host="10.0.0.5:8000", origin="http://evil.example"),
    "subdomain": headers(host="example.com", origin="http://a.example.com"),
    "prefix": headers(host="example.com", origin="http://example.com.evil.example"),
    "user information": headers(host="example.com", origin="http://example.com@evil.example"),
    "other port": headers(host="10.0.0.5:8000", origin="http://10.0.0.5:8080"),
    "port of another scheme": headers(host="10.0.0.5:8000", origin="http://10.0.0.5"),
    "opaque origin": headers(host="example.com", origin="null"),
    "no host": headers(origin="http://example.com"),
    "invalid origin": headers(host="example.com", origin="http://[::1"),
    "invalid port": headers(host="example.com:80", origin="http://example.com:port"),
}


@pytest.mark.parametrize("sent", ALLOWED.values(), ids=ALLOWED.keys())
def test_request_of_the_same_origin_is_allowed(sent: Headers) -> None:
    assert find_fault(sent) is None


@pytest.mark.parametrize("sent", REFUSED.values(), ids=REFUSED.keys())
def test_request_of_another_origin_is_refused(sent: Headers) -> None:
    assert find_fault(sent)


def test_refusal_contains_no_long_header() -> None:
    fault = find_fault(headers(host="x" * 5000, origin="y" * 5000))

    assert fault
    assert len(fault) < 600
