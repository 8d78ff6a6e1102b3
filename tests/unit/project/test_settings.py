"""Settings are frozen, and contradictions end a process with one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from lungline.errors import ConfigurationError
from lungline.settings import Settings, environment_of, load_settings


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUNGLINE_BATCH_SIZE", "3")
    assert load_settings().batch_size == 3


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings().batch_size = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LUNGLINE_BATCH_SIZE", "none", "LUNGLINE_BATCH_SIZE"),
        ("LUNGLINE_LINK_KEY", "fifteen letters", "LUNGLINE_LINK_KEY: must be 16 bytes"),
        ("LUNGLINE_IDENTITY_KEY", "short", "LUNGLINE_IDENTITY_KEY: must be 16 bytes"),
        ("LUNGLINE_LEASE_SECONDS", "5", "LUNGLINE_LEASE_RENEWAL_SECONDS"),
        ("LUNGLINE_PRECISION", "f64", "LUNGLINE_PRECISION"),
        ("LUNGLINE_RETAIN_DAYS_OF", "{'ward': 30}", "LUNGLINE_RETAIN_DAYS_OF is not JSON"),
        ("LUNGLINE_RETAIN_FILMS_DAYS_OF", '{"ward": 0}', "LUNGLINE_RETAIN_FILMS_DAYS_OF_WARD"),
        ("LUNGLINE_VISIBILITY_TIMEOUT_SECONDS", "60", "LUNGLINE_BATCH_HARD_LIMIT_SECONDS"),
    ],
)
def test_a_wrong_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=said) as caught:
        load_settings()
    assert "\n" not in caught.value.message


def test_a_batch_may_wait_for_s3_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUNGLINE_BATCH_HARD_LIMIT_SECONDS", "44")
    assert load_settings().batch_hard_limit_seconds == 44

    monkeypatch.setenv("LUNGLINE_STORE", "s3")
    with pytest.raises(ConfigurationError, match="must be 45 or more with S3"):
        load_settings()


def test_a_precision_needs_the_runtime_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUNGLINE_RUNTIME", "tensorflow")
    monkeypatch.setenv("LUNGLINE_PRECISION", "bf16")
    with pytest.raises(ConfigurationError, match="LUNGLINE_RUNTIME=openvino"):
        load_settings()


def test_a_child_process_sees_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Settings(
        retain_days_of={"ward": 30.0, "a b's": 0.5},
        retain_films_days=7.0,
        s3_secret_key="hidden-value",
        keep_archives=True,
    )
    for name, value in environment_of(made).items():
        monkeypatch.setenv(name, value)

    assert load_settings() == made


def test_secrets_come_from_files_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lungline_s3_secret_key").write_text("of the file\n")
    (tmp_path / "lungline_database_url").write_text("sqlite:////srv/of-the-file.db")
    (tmp_path / "lungline_link_key").write_text("of the file")
    monkeypatch.setattr("lungline.settings._SECRETS_DIR", tmp_path)
    monkeypatch.setenv("LUNGLINE_LINK_KEY", "of the environment")
    monkeypatch.delenv("LUNGLINE_S3_SECRET_KEY", raising=False)
    monkeypatch.delenv("LUNGLINE_DATABASE_URL", raising=False)

    made = load_settings()

    assert made.s3_secret_key is not None
    assert made.link_key is not None
    assert made.s3_secret_key.get_secret_value() == "of the file"
    assert made.link_key.get_secret_value() == "of the environment"
    assert made.database_url == "sqlite:////srv/of-the-file.db"


@pytest.mark.parametrize("blank", ["", " ", "\n"])
@pytest.mark.parametrize("name", ["link_key", "identity_key", "s3_access_key", "s3_secret_key"])
def test_an_empty_secret_is_none(monkeypatch: pytest.MonkeyPatch, name: str, blank: str) -> None:
    monkeypatch.setenv(f"LUNGLINE_{name.upper()}", blank)
    assert getattr(load_settings(), name) is None


def test_no_error_about_a_setting_shows_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LUNGLINE_API_PORT", "LUNGLINE_RETAIN_DAYS_OF", "LUNGLINE_CORS_ORIGINS"):
        monkeypatch.setenv(name, "a-secret-in-the-wrong-place")
        with pytest.raises(ConfigurationError) as caught:
            load_settings()
        assert "wrong-place" not in str(caught.value)
        assert caught.value.__cause__ is None
        monkeypatch.delenv(name)


def test_secrets_are_not_shown() -> None:
    settings = Settings(s3_secret_key="hidden-value")
    assert "hidden-value" not in repr(settings)
