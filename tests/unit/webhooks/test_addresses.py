"""Which addresses and URLs a webhook may have."""

import socket
from ipaddress import ip_address

import pytest

from captiond.webhooks import AddressRefused, InvalidWebhook, Networks, check_url, parse_networks
from captiond.webhooks.addresses import Found, NameNotFound

PUBLIC = ["8.8.8.8", "1.1.1.1", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
FORBIDDEN = [
    *("0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),  # noqa: S104 - no service
    *("100.64.0.1", "100.100.100.200", "169.254.169.254", "169.254.170.2", "168.63.129.16", "192.0.0.192"),
    *("192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "fe80::1", "fe80::1%1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::127.0.0.1", "::10.0.0.1"),
    *("64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::1", "2001:0:4136:e378::1"),
    *("100::1", "4000::1"),
]
# Spellings of 127.0.0.1 that the system's resolver accepts.
LOOPBACK_SPELLINGS = ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0x7f.1", "localhost", "::ffff:7f00:1"]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_address_is_allowed(address: str) -> None:
    assert parse_networks("").allows(ip_address(address))


@pytest.mark.parametrize("address", FORBIDDEN)
def test_other_address_is_refused_unless_its_network_is_allowed(address: str) -> None:
    found = ip_address(address)

    assert not parse_networks("").allows(found)
    assert not parse_networks("203.0.113.0/24,2001:db8:1::/48").allows(found)
    assert parse_networks("*").allows(found)


def test_allowed_network_covers_the_addresses_that_stand_for_its_own() -> None:
    networks = parse_networks("10.0.0.0/8, 127.0.0.1")

    assert all(networks.allows(ip_address(text)) for text in ("10.1.2.3", "::ffff:10.1.2.3", "127.0.0.1"))
    assert not any(networks.allows(ip_address(text)) for text in ("127.0.0.2", "::1", "192.168.0.1"))


@pytest.mark.parametrize("host", LOOPBACK_SPELLINGS)
def test_spelling_of_an_address_is_checked_as_the_address(host: str) -> None:
    with pytest.raises(AddressRefused, match="CAPTIOND_WEBHOOK_NETWORKS"):
        parse_networks("").resolve(host, 80)


def test_name_with_one_forbidden_address_is_refused() -> None:
    def look_up(*_: object, **__: object) -> list[Found]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 80)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80)),
        ]

    with pytest.raises(AddressRefused, match=r"both\.example, which resolves to 127\.0\.0\.1"):
        Networks(look_up=look_up).resolve("both.example", 80)


@pytest.mark.parametrize("host", ["name.invalid", "a" * 64 + ".example", "a..b"])
def test_name_without_address_is_named(host: str) -> None:
    with pytest.raises(NameNotFound, match=host):
        parse_networks("").resolve(host, 80)


@pytest.mark.parametrize("url", ["https://example.com", "http://10.0.0.7:8080/hook?x=1", "https://[2001:db8::1]/a"])
def test_http_url_is_accepted(url: str) -> None:
    assert check_url(url) == url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://example.com/", "https"),
        ("file:///etc/passwd", "https"),
        ("gopher://example.com", "https"),
        ("example.com/hook", "https"),
        ("http://", "https"),
        ("http:///path", "https"),
        ("https://user:password@example.com/", "user"),
        ("https://example.com@127.0.0.1/", "user"),
        ("https://@example.com/", "user"),
        ("https://example.com/#fragment", "fragment"),
        ("https://example.com:99999/", "[Pp]ort"),
        ("https://example.com:0/", "port 0"),
        ("https://[::1/", "IPv6|URL"),
        ("https://example.com/ a", "ASCII"),
        ("https://example.com/\r\nX: y", "ASCII"),
        ("https://ex\u0430mple.com/", "ASCII"),
        ("https://example.com/" + "a" * 2000, "2020 characters"),
    ],
)
def test_other_url_is_refused(url: str, reason: str) -> None:
    with pytest.raises(InvalidWebhook, match=reason):
        check_url(url)
