"""The settings that `captiond up` supplies. tests/e2e/up runs it."""

from pathlib import Path

import pytest

from captiond.services.up import Stack, StackOptions


def stack(data_dir: Path, host: str = "127.0.0.1", **configured: str) -> Stack:
    return Stack(StackOptions(data_dir, host, 8000, 1, configured))


def test_settings_of_the_user_replace_those_of_the_stack(tmp_path: Path) -> None:
    settings = stack(tmp_path, redis_url="redis://queue", images_dir="/pictures", font_size="14").settings

    assert settings == {
        "redis_url": "redis://queue",
        "database_url": f"sqlite:///{tmp_path}/captiond.db",
        "images_dir": "/pictures",
        "log_dir": f"{tmp_path}/log",
        "thumbnails_dir": f"{tmp_path}/thumbnails",
        "run_dir": f"{tmp_path}/run",
        "signing_keys": f"{tmp_path}/signing-keys.json",
        "api_url": "http://127.0.0.1:8000",
    }


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:8000"),  # noqa: S104 - nothing is bound
        ("::", "http://[::1]:8000"),
        ("2001:db8::1", "http://[2001:db8::1]:8000"),
        ("cameras.example", "http://cameras.example:8000"),
    ],
)
def test_url_of_the_api_is_one_that_clients_can_connect_to(tmp_path: Path, host: str, url: str) -> None:
    assert stack(tmp_path, host).settings["api_url"] == url


def test_url_of_the_api_is_always_that_of_the_stack(tmp_path: Path) -> None:
    assert stack(tmp_path, api_url="http://elsewhere").settings["api_url"] == "http://127.0.0.1:8000"


def test_data_that_a_setting_leaves_unused_is_named(tmp_path: Path) -> None:
    (tmp_path / "valkey").mkdir()
    (tmp_path / "images").mkdir()
    configured = {
        "redis_url": "redis://queue",
        "database_url": "sqlite:////other.db",
        "images_dir": f"{tmp_path}/images",
    }

    unused = stack(tmp_path, **configured).find_unused_data()

    assert unused == [f"CAPTIOND_REDIS_URL is set, so {tmp_path}/valkey is not used"]
