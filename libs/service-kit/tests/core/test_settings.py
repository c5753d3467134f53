from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import pytest
from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict
from service_kit.settings import ServiceSettings, SettingRow, documented_settings, load_settings


class Mode(StrEnum):
    FAST = "fast"


class Settings(ServiceSettings):
    broker_url: str = Field(
        default="redis://localhost:6379/0",
        validation_alias=AliasChoices("broker_url", "rabbitmq_url"),
        repr=False,
        description="Where messages wait.",
    )
    port: int = Field(default=8000, ge=1, le=65535, description="Where to listen.")
    pause: timedelta = Field(default=timedelta(seconds=90), description="Between rounds, seconds.")
    token: SecretStr | None = Field(default=SecretStr("hush"), description="A secret.")
    mode: Mode = Field(default=Mode.FAST, description="How.")
    stages: tuple[str, ...] = Field(default=("a", "b"), description="Which.")
    eager: bool = Field(default=True, description="Whether.")


class Successor(ServiceSettings):
    retired = MappingProxyType({"OLD_NAME": "is PORT now"})


class Needy(ServiceSettings):
    upstream_url: str = Field(description="Where to ask.")


def test_variables_are_read_whatever_their_case(monkeypatch):
    monkeypatch.setenv("PORT", "8123")
    monkeypatch.setenv("log_level", "debug")

    settings = load_settings(Settings)

    assert (settings.port, settings.log_level) == (8123, "DEBUG")


def test_an_alias_is_read_when_the_first_name_is_not_set(monkeypatch):
    monkeypatch.setenv("RABBITMQ_URL", "amqp://there")

    assert load_settings(Settings).broker_url == "amqp://there"


def test_the_first_name_wins_over_its_aliases(monkeypatch):
    monkeypatch.setenv("RABBITMQ_URL", "amqp://there")
    monkeypatch.setenv("BROKER_URL", "redis://here")

    assert load_settings(Settings).broker_url == "redis://here"


def test_an_empty_variable_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("PORT", "")

    assert load_settings(Settings).port == 8000


def test_a_dotenv_file_is_not_read(monkeypatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("PORT=1234\n")

    assert load_settings(Settings).port == 8000


def test_every_bad_variable_is_named_at_once(monkeypatch, capsys):
    monkeypatch.setenv("PORT", "70000")
    monkeypatch.setenv("LOG_LEVEL", "LOUD")
    monkeypatch.setenv("LOG_FORMAT", "xml")

    with pytest.raises(SystemExit) as exit_:
        load_settings(Settings)

    said = capsys.readouterr().err
    assert exit_.value.code == 2
    assert [line.split(":")[0].strip() for line in said.splitlines()[1:]] == [
        "LOG_FORMAT",
        "LOG_LEVEL",
        "PORT",
    ]
    assert "LOG_LEVEL: must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL" in said


def test_bad_values_are_never_printed(monkeypatch, capsys):
    monkeypatch.setenv("PORT", "s3cret")
    monkeypatch.setenv("STAGES", "{not json s3cret")

    with pytest.raises(SystemExit):
        load_settings(Settings)

    assert "s3cret" not in capsys.readouterr().err


def test_a_missing_variable_is_called_required(capsys):
    with pytest.raises(SystemExit):
        load_settings(Needy)

    assert "UPSTREAM_URL: is required" in capsys.readouterr().err


def test_a_variable_of_an_earlier_release_stops_the_start_and_says_what_to_do(monkeypatch, capsys):
    load_settings(Successor)
    monkeypatch.setenv("OLD_NAME", "7")

    with pytest.raises(SystemExit):
        load_settings(Successor)

    assert "OLD_NAME: is PORT now" in capsys.readouterr().err


def test_settings_are_frozen():
    settings = load_settings(Settings)

    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc]


def test_rows_have_names_defaults_and_descriptions_in_the_order_of_the_fields():
    inherited = documented_settings(ServiceSettings)

    assert inherited[1] == SettingRow("LOG_LEVEL", "INFO", "The least severe level that is logged.")
    assert documented_settings(Settings) == [
        *inherited,
        SettingRow(
            "BROKER_URL",
            "redis://localhost:6379/0",
            "Where messages wait.",
            ("RABBITMQ_URL",),
            ("BROKER_URL_FILE", "RABBITMQ_URL_FILE"),
        ),
        SettingRow("PORT", "8000", "Where to listen."),
        SettingRow("PAUSE", "90", "Between rounds, seconds."),
        SettingRow("TOKEN", "", "A secret.", files=("TOKEN_FILE",)),
        SettingRow("MODE", "fast", "How."),
        SettingRow("STAGES", "a,b", "Which."),
        SettingRow("EAGER", "true", "Whether."),
    ]


def test_a_required_variable_is_documented_without_a_default():
    assert documented_settings(Needy)[-1] == SettingRow("UPSTREAM_URL", "", "Where to ask.")


def test_a_prefix_is_part_of_the_documented_name():
    class Prefixed(ServiceSettings):
        model_config = SettingsConfigDict(env_prefix="gateway_")

        colour: Literal["red"] = Field(default="red", description="Of the door.")

    assert documented_settings(Prefixed)[-1].name == "GATEWAY_COLOUR"


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("ALLOWED_HOSTS", "door.example.com, .example.com", "https://door.example.com"),
        ("ALLOWED_HOSTS", "*", "door.example.com:8000"),
        ("ALLOWED_HOSTS", "2001:db8::1", "*.example.com"),
        ("ALLOWED_ORIGINS", "https://a.example, http://localhost:3000", "a.example"),
        ("ALLOWED_ORIGINS", "", "https://a.example/"),
        ("MAX_CONNECTIONS", "100", "0"),
        ("INTERNAL_TOKEN", "0123456789abcdef", "0123456789abcde"),
        ("INTERNAL_TOKEN", "0123456789abcdef,fedcba9876543210", "0123456789abcdef,old"),
        ("INTERNAL_TOKEN", "", "0123456789abcdef g"),
        ("HTTP_HEAD_SECONDS", "0.5", "0"),
    ],
)
def test_settings_that_would_admit_all_or_none_by_mistake_are_refused(
    monkeypatch, capsys, name, good, bad
):
    monkeypatch.setenv(name, good)
    load_settings(ServiceSettings)
    monkeypatch.setenv(name, bad)

    with pytest.raises(SystemExit):
        load_settings(ServiceSettings)
    assert name in capsys.readouterr().err
