from __future__ import annotations

import os
from pathlib import Path

import pytest

from laird.config.settings import (
    SETTINGS,
    Settings,
    SettingSource,
    mistyped_settings,
    read_environment,
    without_secrets,
)
from laird.domain.errors import StartError


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("LAIRD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.chdir(tmp_path)


def test_without_anything_set_the_defaults_hold(tmp_path: Path) -> None:
    settings = Settings.load()
    home = tmp_path / "user" / ".laird"
    assert (settings.home, settings.host, settings.port) == (home, "127.0.0.1", 8012)
    assert settings.config == home / "providers.yaml"
    assert settings.database_url == f"sqlite:///{home}/laird.db"
    assert (settings.log_level, settings.log_format) == ("info", "auto")
    assert (settings.max_body_bytes, settings.drain_seconds) == (20 * 2**20, 30)


def test_flags_win_over_the_environment_and_that_over_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("LAIRD_PORT=1\nLAIRD_HOST=file\nLAIRD_LOG_LEVEL=Debug\nX=1\n")
    monkeypatch.setenv("LAIRD_PORT", "2")
    monkeypatch.setenv("LAIRD_HOST", "environment")
    settings = Settings.load({"port": 3, "host": None})
    assert (settings.port, settings.host, settings.log_level) == (3, "environment", "debug")


def test_each_setting_tells_where_it_is_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("LAIRD_HOST=file\nLAIRD_LOG_LEVEL=debug\n")
    monkeypatch.setenv("laird_log_level", "warning")
    monkeypatch.setenv("LAIRD_KEEP_DAYS", "")
    settings = Settings.load({"port": 3})
    found = {one.row.field: (one.value, one.source) for one in settings.in_force()}
    assert found["port"] == ("3", SettingSource.FLAG)
    assert found["log_level"] == ("warning", SettingSource.ENVIRONMENT)
    assert found["host"] == ("file", SettingSource.FILE)
    assert found["keep_days"] == ("7", SettingSource.DEFAULT)
    assert found["home"] == (str(tmp_path / "user" / ".laird"), SettingSource.DEFAULT)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("none", "none"),
        ("sqlite:////home/ann@work/laird.db", "sqlite:////home/ann@work/laird.db"),
        ("smtp://mail.example:25", "smtp://mail.example:25"),
        ("smtp://ann:secret@mail.example", "smtp://«redacted»@mail.example"),
        ("smtp://ann:s/e@c?r#et@mail.example", "smtp://«redacted»@mail.example"),
        ("postgresql://h/name?password=secret", "postgresql://h/name?«redacted»"),
        ("postgresql://h/name#secret", "postgresql://h/name?«redacted»"),
        ("ann:secret@mail.example", "«redacted»"),
    ],
)
def test_secrets_of_urls_are_never_shown(url: str, shown: str) -> None:
    assert without_secrets(url) == shown


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAIRD_PORT", "")
    assert Settings.load().port == 8012


def test_everything_moves_with_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LAIRD_HOME", "~/lairds")
    settings = Settings.load({"max_body_bytes": "2MB"})
    home = tmp_path / "user" / "lairds"
    assert settings.config == home / "providers.yaml"
    assert settings.database_url == f"sqlite:///{home}/laird.db"
    assert settings.max_body_bytes == 2_000_000
    own = Settings.load({"config": "mine.yaml", "database_url": "postgresql://u:secret@h/d"})
    assert own.config == tmp_path / "mine.yaml"
    assert own.database_url == "postgresql://u:secret@h/d"
    assert "secret" not in repr(own)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LAIRD_PORT", "http"),
        ("LAIRD_PORT", "70000"),
        ("LAIRD_LOG_LEVEL", "loud"),
        ("LAIRD_DATABASE_URL", "mysql://root:secret@x"),
        ("LAIRD_MAX_BODY_BYTES", "10"),
        ("LAIRD_DRAIN_SECONDS", "-1"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(StartError, match=f"^{name} is wrong: .* Default: ") as caught:
        Settings.load()
    assert "\n" not in caught.value.message
    assert "secret" not in caught.value.message


def test_a_wrong_flag_is_called_a_flag() -> None:
    with pytest.raises(StartError, match=r"^--drain-seconds is wrong"):
        Settings.load({"drain_seconds": "soon"})


def test_the_home_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    settings = Settings.load({"home": str(tmp_path / "a" / "b")})
    settings.prepare_home()
    assert settings.home.stat().st_mode & 0o777 == 0o700
    settings.prepare_home()


def test_a_home_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match="Set LAIRD_HOME"):
        Settings.load({"home": str(tmp_path / "file" / "home")}).prepare_home()


def test_a_home_that_can_not_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The tests may run as root, to whom every directory is writable.
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    with pytest.raises(StartError, match="can't be written"):
        Settings.load({"home": str(tmp_path)}).prepare_home()


def test_secrets_are_found_in_the_file_too_and_the_environment_wins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("OPENAI_API_KEY=file\nOTHER_KEY='b c'\nBARE\n")
    monkeypatch.setenv("OPENAI_API_KEY", "environment")
    environment = read_environment()
    assert (environment["OPENAI_API_KEY"], environment["OTHER_KEY"]) == ("environment", "b c")
    assert "BARE" not in environment
    assert "OTHER_KEY" not in read_environment(tmp_path / "elsewhere")


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff\xfe")
    with pytest.raises(StartError, match=r"\.env"):
        read_environment()
    with pytest.raises(StartError, match=r"\.env"):
        Settings.load()


def test_a_mistyped_setting_is_told() -> None:
    environment = {"LAIRD_PROT": "1", "LAIRD_PORT": "2", "LAIRD_SOMETHING_ELSE": "3"}
    assert mistyped_settings(environment) == (
        "LAIRD_PROT is not a setting. Did you mean LAIRD_PORT?",
    )


def test_the_table_names_every_setting_with_its_meaning() -> None:
    assert [row.field for row in SETTINGS] == list(Settings.model_fields)
    assert all(row.meaning.endswith(".") and row.default for row in SETTINGS)
    assert {row.name: row.default for row in SETTINGS}["LAIRD_DRAIN_SECONDS"] == "30"


def test_the_memory_of_local_models_is_a_size_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAIRD_LIBRARY_MEMORY", "12GiB")
    assert Settings.load().library_memory == 12 * 2**30
    monkeypatch.setenv("LAIRD_LIBRARY_MEMORY", "None")
    settings = Settings.load({"host": "0.0.0.0"})
    assert settings.library_memory is None
    shown = {one.row.field: one.value for one in settings.in_force()}
    assert (shown["library_memory"], shown["library_idle_s"]) == ("none", "600")
    assert shown["host"] == "0.0.0.0"
    monkeypatch.setenv("LAIRD_LIBRARY_MEMORY", "much")
    with pytest.raises(StartError, match=r"LAIRD_LIBRARY_MEMORY is wrong: .* Default: none"):
        Settings.load()
