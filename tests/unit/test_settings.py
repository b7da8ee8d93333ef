from pathlib import Path

import pytest

from captiond.settings import RUNNING_STACK, ConfigurationError, Settings, load_settings, unknown_variables


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No settings from anywhere: an empty working directory and no variables of ours."""
    for name in unknown_variables():
        monkeypatch.delenv(name)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"CAPTIOND_{name.upper()}", raising=False)
    monkeypatch.delenv("CAPTIOND_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_setting_has_its_documented_default() -> None:
    settings = load_settings()

    assert settings.redis_url.get_secret_value() == "redis://127.0.0.1:6379/0"
    assert settings.database_url.get_secret_value() == "sqlite:///var/captiond.db"
    assert (settings.images_dir, settings.log_dir) == (Path("var/images"), Path("var/log"))
    assert (settings.font_name, settings.font_size) == (None, 12)
    assert (settings.log_level, settings.durability) == ("INFO", "fsync")
    assert (settings.max_upload_bytes, settings.max_backlog) == (10 * 1024 * 1024, 10_000)


def test_the_environment_goes_before_the_env_file_and_that_before_the_yaml_file(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_folder / "own.yaml").write_text("font_size: 20\nlog_level: ERROR\nmax_backlog: 3\n")
    (empty_folder / ".env").write_text("CAPTIOND_FONT_SIZE=30\nCAPTIOND_LOG_LEVEL=WARNING\n")
    monkeypatch.setenv("CAPTIOND_CONFIG", "own.yaml")
    monkeypatch.setenv("CAPTIOND_FONT_SIZE", "40")

    settings = load_settings()

    assert (settings.font_size, settings.log_level, settings.max_backlog) == (40, "WARNING", 3)


def test_the_settings_of_a_stack_that_runs_here_are_found(empty_folder: Path) -> None:
    (empty_folder / RUNNING_STACK).parent.mkdir()
    (empty_folder / RUNNING_STACK).write_text("redis_url: unix:///here.sock\n")

    assert load_settings().redis_url.get_secret_value() == "unix:///here.sock"


def test_a_named_file_goes_before_that_of_a_stack_that_runs_here(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_folder / RUNNING_STACK).parent.mkdir()
    (empty_folder / RUNNING_STACK).write_text("font_size: 20\n")
    (empty_folder / "own.yaml").write_text("font_size: 30\n")
    monkeypatch.setenv("CAPTIOND_CONFIG", "own.yaml")

    assert load_settings().font_size == 30


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTIOND_FONT_NAME", "")

    assert load_settings().font_name is None


def test_passwords_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTIOND_REDIS_URL", "redis://:sesame@127.0.0.1/0")
    monkeypatch.setenv("CAPTIOND_DATABASE_URL", "postgresql+psycopg://me:sesame@127.0.0.1/captiond")

    assert "sesame" not in repr(load_settings())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FONT_SIZE", "big"),
        ("FONT_SIZE", "5"),
        ("LOG_LEVEL", "LOUD"),
        ("MAX_UPLOAD_BYTES", "0"),
        ("MAX_BACKLOG", "-1"),
        ("DURABILITY", "perhaps"),
    ],
)
def test_a_wrong_value_names_its_variable_in_one_line(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"CAPTIOND_{name}", value)

    with pytest.raises(ConfigurationError, match=rf"^CAPTIOND_{name}: [^\n]+$"):
        load_settings()


def test_all_wrong_values_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTIOND_FONT_SIZE", "big")
    monkeypatch.setenv("CAPTIOND_MAX_BACKLOG", "none")

    with pytest.raises(ConfigurationError, match=r"CAPTIOND_FONT_SIZE: .+; CAPTIOND_MAX_BACKLOG: "):
        load_settings()


def test_a_wrong_value_in_the_env_file_is_named_too(empty_folder: Path) -> None:
    (empty_folder / ".env").write_text("CAPTIOND_FONT_SIZE=big\n")

    with pytest.raises(ConfigurationError, match="CAPTIOND_FONT_SIZE"):
        load_settings()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("font_sise: 12\nimages: x\n", r"own\.yaml: unknown setting font_sise, images$"),
        ("font_size: big\n", r"^CAPTIOND_FONT_SIZE: "),
        ("- a\n- b\n", r"own\.yaml must hold `name: value` lines$"),
        ("font_size: [\n", r"own\.yaml"),
        ("\ud800".encode("utf-8", "surrogatepass"), r"own\.yaml"),
    ],
)
def test_a_wrong_yaml_file_is_named_in_one_line(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch, content: str | bytes, problem: str
) -> None:
    (empty_folder / "own.yaml").write_bytes(content.encode() if isinstance(content, str) else content)
    monkeypatch.setenv("CAPTIOND_CONFIG", "own.yaml")

    with pytest.raises(ConfigurationError, match=problem) as raised:
        load_settings()
    assert "\n" not in str(raised.value)


def test_an_empty_yaml_file_changes_nothing(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty_folder / "own.yaml").write_text("# nothing yet\n")
    monkeypatch.setenv("CAPTIOND_CONFIG", "own.yaml")

    assert load_settings() == Settings()


def test_a_config_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTIOND_CONFIG", "nowhere.yaml")

    with pytest.raises(ConfigurationError, match=r"CAPTIOND_CONFIG names nowhere\.yaml"):
        load_settings()


def test_an_env_file_that_is_no_text_is_named(empty_folder: Path) -> None:
    (empty_folder / ".env").write_bytes(b"CAPTIOND_FONT_NAME=\xff\xfe")

    with pytest.raises(ConfigurationError, match="the settings cannot be read"):
        load_settings()


def test_a_misspelt_variable_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTIOND_FONTSIZE", "12")
    monkeypatch.setenv("CAPTIOND_FONT_SIZE", "12")
    monkeypatch.setenv("CAPTIOND_CONFIG", "")

    assert unknown_variables() == ["CAPTIOND_FONTSIZE"]
