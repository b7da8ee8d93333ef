import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from captiond.operations.keep_originals import KeepOriginals
from captiond.operations.request_rates import RequestRate
from captiond.settings import (
    ConfigurationError,
    Settings,
    StackNotRunning,
    find_unknown_variables,
    load_settings,
    require_value,
    resolve,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory and no variables of captiond."""
    for name in [name for name in os.environ if name.upper().startswith("CAPTIOND_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_settings_have_their_documented_defaults() -> None:
    settings = load_settings()

    assert settings.redis_url.get_secret_value() == "redis://127.0.0.1:6379/0"
    assert settings.database_url.get_secret_value() == "sqlite:///var/captiond.db"
    assert (settings.images_dir, settings.log_dir) == (Path("var/images"), Path("var/log"))
    assert (settings.font_name, settings.font_size) == (None, 12)
    assert (settings.log_level, settings.durability) == ("INFO", "fsync")
    assert (settings.max_upload_bytes, settings.max_backlog) == (10 * 1024 * 1024, 10_000)
    assert settings.request_timeout == 10
    assert (settings.thumbnails_dir, settings.max_thumbnail_bytes) == (Path("var/thumbnails"), 256 << 20)


def test_precedence_is_environment_then_env_file_then_yaml_file(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_folder / "own.yaml").write_text("font_size: 20\nlog_level: ERROR\nmax_backlog: 3\n")
    (empty_folder / ".env").write_text("CAPTIOND_FONT_SIZE=30\nCAPTIOND_LOG_LEVEL=WARNING\n")
    monkeypatch.setenv("CAPTIOND_CONFIG", "own.yaml")
    monkeypatch.setenv("CAPTIOND_FONT_SIZE", "40")

    settings = load_settings()

    assert (settings.font_size, settings.log_level, settings.max_backlog) == (40, "WARNING", 3)


@contextmanager
def running_stack(data_dir: Path, settings: str) -> Iterator[None]:
    """Lock the settings file as `captiond up` does. Like a killed one, leave it behind."""
    file = data_dir / "captiond.yaml"
    data_dir.mkdir()
    (data_dir / "up.lock").touch()
    with file.open("w") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        opened.write(settings)
        opened.flush()
        yield


def redis_url() -> str:
    return load_settings().redis_url.get_secret_value()


def test_settings_of_a_running_stack_are_used(empty_folder: Path) -> None:
    with running_stack(empty_folder / "var", "redis_url: unix:///here.sock\n"):
        assert redis_url() == "unix:///here.sock"
        require_value(load_settings(), "redis_url")


def test_settings_of_a_stack_elsewhere_are_used(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTIOND_CONFIG", "elsewhere/captiond.yaml")

    with running_stack(empty_folder / "elsewhere", "redis_url: unix:///there.sock\n"):
        assert redis_url() == "unix:///there.sock"


def test_settings_of_a_killed_stack_are_ignored(empty_folder: Path) -> None:
    with running_stack(empty_folder / "var", "redis_url: unix:///here.sock\n"):
        pass

    assert (empty_folder / "var/captiond.yaml").exists()
    assert load_settings() == Settings()


@pytest.mark.parametrize("folder", ["var", "elsewhere"])
def test_default_is_refused_while_its_stack_is_stopped(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    if folder != "var":
        monkeypatch.setenv("CAPTIOND_CONFIG", f"{folder}/captiond.yaml")
    (empty_folder / folder).mkdir()
    (empty_folder / folder / "up.lock").touch()

    with pytest.raises(
        StackNotRunning, match=rf"^the stack of {folder} is not running; start it or set CAPTIOND_REDIS_URL$"
    ):
        require_value(load_settings(), "redis_url")


def test_setting_replaces_a_stopped_stack(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_stack(empty_folder / "var", "{}"):
        pass
    monkeypatch.setenv("CAPTIOND_REDIS_URL", "redis://127.0.0.1:6379/0")

    require_value(load_settings(), "redis_url")


def test_default_is_accepted_without_a_stack() -> None:
    require_value(load_settings(), "redis_url")


def test_captiond_config_takes_precedence_over_a_running_stack(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_folder / "own.yaml").write_text("font_size: 30\n")
    monkeypatch.setenv("CAPTIOND_CONFIG", "own.yaml")

    with running_stack(empty_folder / "var", "font_size: 20\nmax_backlog: 5\n"):
        settings = load_settings()

    assert (settings.font_size, settings.max_backlog) == (30, 5)


def test_config_file_may_be_named_in_the_env_file(empty_folder: Path) -> None:
    (empty_folder / "own.yaml").write_text("font_size: 30\n")
    (empty_folder / ".env").write_text("CAPTIOND_CONFIG=own.yaml\n")

    assert load_settings().font_size == 30


def test_source_of_every_value_is_known(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty_folder / "own.yaml").write_text("font_size: 20\nlog_level: ERROR\nmax_backlog: 3\n")
    (empty_folder / ".env").write_text("CAPTIOND_FONT_SIZE=30\nCAPTIOND_LOG_LEVEL=WARNING\n")
    monkeypatch.setenv("CAPTIOND_CONFIG", "own.yaml")
    monkeypatch.setenv("CAPTIOND_FONT_SIZE", "40")

    with running_stack(empty_folder / "var", "max_backlog: 5\nimages_dir: /pictures\n"):
        resolution = resolve()

    assert {name: resolution.source(name) for name in ("font_size", "log_level", "max_backlog", "images_dir")} == {
        "font_size": "environment",
        "log_level": f"{empty_folder}/.env",
        "max_backlog": f"{empty_folder}/own.yaml",
        "images_dir": f"running stack of {empty_folder}/var",
    }
    assert resolution.source("redis_url") == "default"


def test_empty_variable_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTIOND_FONT_NAME", "")

    assert load_settings().font_name is None


def test_repr_hides_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTIOND_REDIS_URL", "redis://:sesame@127.0.0.1/0")
    monkeypatch.setenv("CAPTIOND_DATABASE_URL", "postgresql+psycopg://me:sesame@127.0.0.1/captiond")

    assert "sesame" not in repr(load_settings())


@pytest.mark.parametrize("name", ["ftp_password", "api_key", "redis_url"])
def test_error_of_a_secret_hides_its_value(empty_folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (empty_folder / "own.yaml").write_text(f"{name}: 20261126\n")
    monkeypatch.setenv("CAPTIOND_CONFIG", "own.yaml")

    with pytest.raises(ConfigurationError, match=f"CAPTIOND_{name.upper()}: Input should be a valid string") as error:
        load_settings()

    assert "20261126" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FONT_SIZE", "big"),
        ("FONT_SIZE", "5"),
        ("REQUEST_TIMEOUT", "0"),
        ("REQUEST_TIMEOUT", "16"),
        ("LOG_LEVEL", "LOUD"),
        ("MAX_UPLOAD_BYTES", "0"),
        ("MAX_BACKLOG", "-1"),
        ("DURABILITY", "perhaps"),
        ("KEEP_ORIGINALS", "sometimes"),
        ("CHECK_DAMAGE", "perhaps"),
        ("ROOT_PATH", "captiond"),
        ("ROOT_PATH", "/captiond/"),
        ("ROOT_PATH", "//evil.example"),
    ],
)
def test_invalid_value_is_reported_with_its_variable_in_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"CAPTIOND_{name}", value)

    with pytest.raises(ConfigurationError, match=rf"^CAPTIOND_{name}: [^\n]+, got '{value}'$"):
        load_settings()


@pytest.mark.parametrize("name", ["CAPTIOND_CAPTION_TEXT_COLOUR", "CAPTIOND_CAPTION_STRIP_COLOUR"])
def test_invalid_colour_is_reported_with_its_variable(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "reddish")

    with pytest.raises(ConfigurationError, match=rf"^{name}: no CSS colour 'reddish'; use a name or #rrggbb$"):
        load_settings()


@pytest.mark.parametrize(("value", "is_checked"), [("true", True), ("false", False)])
def test_check_of_damage_can_be_disabled(monkeypatch: pytest.MonkeyPatch, value: str, is_checked: bool) -> None:  # noqa: FBT001 - a table of expectations
    assert load_settings().check_damage
    monkeypatch.setenv("CAPTIOND_CHECK_DAMAGE", value)

    assert load_settings().check_damage is is_checked


@pytest.mark.parametrize("value", ["*", "10.0.0.1", "127.0.0.1, ::1,10.0.0.0/8"])
def test_trusted_proxies_are_addresses_and_networks(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CAPTIOND_TRUSTED_PROXIES", value)
    monkeypatch.setenv("CAPTIOND_ROOT_PATH", "/a/b.c")

    settings = load_settings()

    assert (settings.trusted_proxies, settings.root_path) == (value, "/a/b.c")


@pytest.mark.parametrize("value", ["proxy", "10.0.0.1/8", "10.0.0.1,"])
def test_invalid_trusted_proxy_is_reported_with_its_variable(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CAPTIOND_TRUSTED_PROXIES", value)

    with pytest.raises(ConfigurationError, match=r"^CAPTIOND_TRUSTED_PROXIES: '[^,]*' is no address or network; use "):
        load_settings()


def test_old_name_of_reencoded_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTIOND_KEEP_ORIGINALS", "redrawn")

    assert load_settings().keep_originals is KeepOriginals.REENCODED


def test_error_about_a_url_hides_its_value(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty_folder / "own.yaml").write_text("redis_url: [sesame]\n")
    monkeypatch.setenv("CAPTIOND_CONFIG", "own.yaml")

    with pytest.raises(ConfigurationError, match=r"^CAPTIOND_REDIS_URL: ") as raised:
        load_settings()
    assert "sesame" not in str(raised.value)


@pytest.mark.parametrize("name", ["CAPTION_TEMPLATE", "HIKVISION_DESCRIPTION", "DAHUA_DESCRIPTION"])
def test_invalid_template_is_reported_with_its_fault(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"CAPTIOND_{name}", "{camara}: {description}")

    with pytest.raises(ConfigurationError, match=rf"^CAPTIOND_{name}: no field named 'camara'; the fields are "):
        load_settings()


def test_unknown_choice_of_pictures_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTIOND_CAMERA_PICTURES", "plate")

    with pytest.raises(ConfigurationError, match=r"^CAPTIOND_CAMERA_PICTURES: Input should be 'all' or 'main'"):
        load_settings()


def test_unknown_time_zone_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTIOND_TIMEZONE", "Europe/Moskow")

    with pytest.raises(ConfigurationError, match=r"^CAPTIOND_TIMEZONE: no time zone 'Europe/Moskow'"):
        load_settings()


def test_every_setting_has_a_description() -> None:
    descriptions = [field.description or "" for field in Settings.model_fields.values()]

    assert all(description.endswith(".") for description in descriptions)


def test_all_invalid_values_are_reported_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTIOND_FONT_SIZE", "big")
    monkeypatch.setenv("CAPTIOND_MAX_BACKLOG", "none")

    with pytest.raises(ConfigurationError, match=r"CAPTIOND_FONT_SIZE: .+; CAPTIOND_MAX_BACKLOG: "):
        load_settings()


def test_invalid_value_in_the_env_file_is_reported(empty_folder: Path) -> None:
    (empty_folder / ".env").write_text("CAPTIOND_FONT_SIZE=big\n")

    with pytest.raises(ConfigurationError, match="CAPTIOND_FONT_SIZE"):
        load_settings()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            "font_sise: 12\nimages: x\n",
            r"own\.yaml: unknown settings: font_sise, images; see docs/reference/settings\.md$",
        ),
        ("font_size: big\n", r"^CAPTIOND_FONT_SIZE: "),
        ("- a\n- b\n", r"own\.yaml: expected `name: value` lines$"),
        ("font_size: [\n", r"own\.yaml"),
        ("\ud800".encode("utf-8", "surrogatepass"), r"own\.yaml"),
    ],
)
def test_invalid_yaml_file_is_reported_in_one_line(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch, content: str | bytes, problem: str
) -> None:
    (empty_folder / "own.yaml").write_bytes(content.encode() if isinstance(content, str) else content)
    monkeypatch.setenv("CAPTIOND_CONFIG", "own.yaml")

    with pytest.raises(ConfigurationError, match=problem) as raised:
        load_settings()
    assert "\n" not in str(raised.value)


def test_empty_yaml_file_is_valid(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty_folder / "own.yaml").write_text("# nothing yet\n")
    monkeypatch.setenv("CAPTIOND_CONFIG", "own.yaml")

    assert load_settings() == Settings()


def test_missing_config_file_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTIOND_CONFIG", "nowhere.yaml")

    with pytest.raises(ConfigurationError, match=r"CAPTIOND_CONFIG: no such file: nowhere\.yaml"):
        load_settings()


def test_undecodable_env_file_is_reported(empty_folder: Path) -> None:
    (empty_folder / ".env").write_bytes(b"CAPTIOND_FONT_NAME=\xff\xfe")

    with pytest.raises(ConfigurationError, match="cannot read the settings"):
        load_settings()


def test_misspelled_variable_is_listed_with_a_suggestion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTIOND_FONTNAME", "Arial")
    monkeypatch.setenv("CAPTIOND_COLOUR_OF_THE_SKY", "blue")
    monkeypatch.setenv("CAPTIOND_FONT_SIZE", "12")
    monkeypatch.setenv("CAPTIOND_CONFIG", "")

    assert list(find_unknown_variables()) == [
        "CAPTIOND_COLOUR_OF_THE_SKY: no such setting; see docs/reference/settings.md",
        "CAPTIOND_FONTNAME: no such setting; did you mean CAPTIOND_FONT_NAME?",
    ]


def test_misspelled_variable_in_the_env_file_is_listed(empty_folder: Path) -> None:
    (empty_folder / ".env").write_text("CAPTIOND_IMAGE_DIR=x\nCAPTIOND_FONT_SIZE=12\nPORT=9000\n")

    assert list(find_unknown_variables()) == [
        f"{empty_folder}/.env: CAPTIOND_IMAGE_DIR: no such setting; did you mean CAPTIOND_IMAGES_DIR?"
    ]


SERVICE_LINKS = {
    "CAPTIOND_PORT": "tcp://10.0.0.11:8000",
    "CAPTIOND_SERVICE_HOST": "10.0.0.11",
    "CAPTIOND_SERVICE_PORT": "8000",
    "CAPTIOND_SERVICE_PORT_HTTP": "8000",
    "CAPTIOND_PORT_8000_TCP": "tcp://10.0.0.11:8000",
    "CAPTIOND_PORT_8000_TCP_ADDR": "10.0.0.11",
    "CAPTIOND_PORT_8000_TCP_PORT": "8000",
    "CAPTIOND_PORT_8000_TCP_PROTO": "tcp",
    "CAPTIOND_REDIS_PORT": "tcp://10.0.0.12:6379",
    "CAPTIOND_REDIS_SERVICE_HOST": "10.0.0.12",
    "CAPTIOND_REDIS_PORT_6379_TCP_ADDR": "10.0.0.12",
}


def test_service_links_of_kubernetes_are_no_unknown_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SERVICE_LINKS.items():
        monkeypatch.setenv(name, value)

    assert list(find_unknown_variables()) == []
    assert load_settings() == Settings()


def test_port_number_is_an_unknown_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTIOND_PORT", "9000")

    assert len(list(find_unknown_variables())) == 1


def test_variables_of_the_test_suite_are_no_unknown_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    files = [ROOT / "Makefile", ROOT / ".ci/run", *(ROOT / "tests").rglob("*.py")]
    read = re.compile(r"""(?:environ(?:\.get\(|\[)"|^\s+|\{)(CAPTIOND_[A-Z0-9_]+)["=:]""", re.MULTILINE)
    names = {name for file in files for name in read.findall(file.read_text("utf-8"))}
    for name in names:
        monkeypatch.setenv(name, "1")

    assert names >= {"CAPTIOND_HOSTILE", "CAPTIOND_TEST_POSTGRES_URL"}
    assert list(find_unknown_variables()) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("*", ("*",)),
        ("captiond.example.com", ("captiond.example.com",)),
        ("localhost, 127.0.0.1,::1 ,*.example.com", ("localhost", "127.0.0.1", "::1", "*.example.com")),
    ],
)
def test_allowed_hosts_are_separated_by_commas(
    monkeypatch: pytest.MonkeyPatch, text: str, names: tuple[str, ...]
) -> None:
    monkeypatch.setenv("CAPTIOND_ALLOWED_HOSTS", text)

    assert load_settings().allowed_hosts == names


def test_allowed_hosts_are_a_list_in_yaml(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty_folder / "own.yaml").write_text("allowed_hosts: [a.example.com, 10.0.0.5]\n")
    monkeypatch.setenv("CAPTIOND_CONFIG", "own.yaml")

    assert load_settings().allowed_hosts == ("a.example.com", "10.0.0.5")


@pytest.mark.parametrize("text", ["http://a", "a:8000", "[::1]", "a,,b", "a/b", "**", "*.", "a b"])
def test_invalid_host_name_is_named(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("CAPTIOND_ALLOWED_HOSTS", text)

    with pytest.raises(ConfigurationError, match=r"CAPTIOND_ALLOWED_HOSTS: no host name: "):
        load_settings()


@pytest.mark.parametrize("rate", ["10/second", "100/minute", "1/day", "off"])
@pytest.mark.parametrize("name", ["preview_rate", "upload_rate", "request_rate"])
def test_rate_is_a_number_per_unit(monkeypatch: pytest.MonkeyPatch, name: str, rate: str) -> None:
    monkeypatch.setenv(f"CAPTIOND_{name.upper()}", rate)

    assert getattr(load_settings(), name) == rate
    RequestRate(rate, name)


@pytest.mark.parametrize(("name", "text"), [("AUDIT_READS", "101"), ("AUDIT_DAYS", "1"), ("AUDIT_UPLOADS", "some")])
def test_invalid_setting_of_the_audit_log_is_reported(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setenv(f"CAPTIOND_{name}", text)

    with pytest.raises(ConfigurationError, match=f"CAPTIOND_{name}: "):
        load_settings()


@pytest.mark.parametrize(
    "rate", ["0/second", "10", "10/fortnight", "-1/second", "10/second;1/day", "9999999/hour", "on"]
)
def test_invalid_rate_is_reported_with_its_variable(monkeypatch: pytest.MonkeyPatch, rate: str) -> None:
    monkeypatch.setenv("CAPTIOND_PREVIEW_RATE", rate)

    with pytest.raises(ConfigurationError, match=f"CAPTIOND_PREVIEW_RATE: not a rate: {rate!r}"):
        load_settings()


def test_retention_is_off_by_default_and_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (load_settings().retention, load_settings().retention_cameras) == ("off", "")
    monkeypatch.setenv("CAPTIOND_RETENTION", "90d+500G")
    monkeypatch.setenv("CAPTIOND_RETENTION_CAMERAS", "gate=365d,lab=off")

    assert load_settings().retention == "90d+500G"
    assert load_settings().retention_cameras == "gate=365d,lab=off"


@pytest.mark.parametrize(
    ("name", "value"), [("RETENTION", "0d"), ("RETENTION_CAMERAS", "gate"), ("RETENTION_RATE", "0")]
)
def test_invalid_retention_is_reported_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"CAPTIOND_{name}", value)

    with pytest.raises(ConfigurationError, match=f"CAPTIOND_{name}: "):
        load_settings()


def test_yaml_may_switch_retention_off(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty_folder / "own.yaml").write_text("retention: off\n")
    monkeypatch.setenv("CAPTIOND_CONFIG", "own.yaml")

    assert load_settings().retention == "off"
