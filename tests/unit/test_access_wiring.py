import pytest

from captiond.settings import Settings
from captiond.wiring.access import make_proxy_users, warn_if_open


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "captiond.example.com"])  # noqa: S104 - nothing listens
def test_api_without_keys_on_another_address_warns(host: str, caplog: pytest.LogCaptureFixture) -> None:
    warn_if_open(Settings(), host)

    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert f"CAPTIOND_AUTH is off and the API listens on {host}" in record.message


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_api_on_loopback_does_not_warn(host: str, caplog: pytest.LogCaptureFixture) -> None:
    warn_if_open(Settings(), host)

    assert caplog.records == []


def test_api_with_keys_does_not_warn(caplog: pytest.LogCaptureFixture) -> None:
    warn_if_open(Settings(auth="keys"), "0.0.0.0")  # noqa: S104 - nothing listens

    assert caplog.records == []


def test_off_in_yaml_is_accepted() -> None:
    assert Settings.model_validate({"auth": False}).auth == "off"


def test_headers_of_a_proxy_are_in_lower_case() -> None:
    users = make_proxy_users(
        Settings(auth="keys", auth_user_header="X-User", auth_groups_header="X-Groups", auth_groups="a=read")
    )

    assert users is not None
    assert users.headers == {b"x-user", b"x-groups"}
    assert make_proxy_users(Settings(auth="keys")) is None
