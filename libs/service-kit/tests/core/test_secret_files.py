from pathlib import Path

import pytest
from pydantic import AliasChoices, Field, SecretStr
from service_kit.settings import ServiceSettings, comma_separated, load_settings


class Settings(ServiceSettings):
    broker_url: str = Field(
        default="redis://localhost",
        validation_alias=AliasChoices("broker_url", "rabbitmq_url"),
        repr=False,
        description="Where messages wait.",
    )
    token: SecretStr | None = Field(default=None, description="A secret.")
    port: int = Field(default=8000, repr=False, description="Secret for once.")
    colour: str = Field(default="red", description="No secret.")


@pytest.fixture
def secret(tmp_path: Path, monkeypatch):
    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name.lower()
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        monkeypatch.setenv(f"{name}_FILE", str(path))
        return path

    return write


def refusal(capsys) -> str:
    with pytest.raises(SystemExit) as exit_:
        load_settings(Settings)
    assert exit_.value.code == 2
    return capsys.readouterr().err


def test_a_secret_is_read_from_its_file_without_the_newline_at_its_end(secret):
    secret("BROKER_URL", "redis://:hush@there\n")
    secret("TOKEN", " hush \r\n")

    settings = load_settings(Settings)

    assert settings.broker_url == "redis://:hush@there"
    assert settings.token is not None
    assert settings.token.get_secret_value() == " hush "
    assert "hush" not in repr(settings)


def test_without_the_file_variable_all_is_as_before(monkeypatch):
    monkeypatch.setenv("BROKER_URL_FILE", "")
    monkeypatch.setenv("BROKER_URL", "redis://here")

    assert load_settings(Settings).broker_url == "redis://here"


def test_a_setting_that_holds_no_secret_is_not_read_from_a_file(secret):
    secret("COLOUR", "blue")

    assert load_settings(Settings).colour == "red"


def test_a_file_of_the_first_name_wins_over_a_variable_of_the_second(secret, monkeypatch):
    secret("BROKER_URL", "redis://file")
    monkeypatch.setenv("RABBITMQ_URL", "amqp://variable")

    assert load_settings(Settings).broker_url == "redis://file"


def test_a_variable_of_the_first_name_wins_over_a_file_of_the_second(secret, monkeypatch):
    secret("RABBITMQ_URL", "amqp://file")
    assert load_settings(Settings).broker_url == "amqp://file"

    monkeypatch.setenv("BROKER_URL", "redis://variable")
    assert load_settings(Settings).broker_url == "redis://variable"


def test_a_setting_that_is_given_both_ways_stops_the_start(secret, monkeypatch, capsys):
    secret("BROKER_URL", "redis://:hush@file")
    monkeypatch.setenv("broker_url", "redis://:hush@variable")

    said = refusal(capsys)

    assert "BROKER_URL and BROKER_URL_FILE are both set" in said
    assert "hush" not in said


def test_every_file_that_cannot_be_used_is_named_beside_other_faults(
    secret, monkeypatch, capsys, tmp_path
):
    monkeypatch.setenv("BROKER_URL_FILE", str(tmp_path / "nowhere"))
    secret("TOKEN", "\n")
    secret("PORT", b"\xff\xfe")
    monkeypatch.setenv("LOG_LEVEL", "LOUD")

    said = refusal(capsys)

    assert f"BROKER_URL_FILE: {tmp_path / 'nowhere'} can't be read: No such file" in said
    assert "TOKEN_FILE" in said
    assert "is empty" in said
    assert "PORT_FILE" in said
    assert "is not UTF-8 text" in said
    assert "LOG_LEVEL: must be one of" in said


def test_an_invalid_value_in_a_file_is_not_quoted(secret, capsys):
    secret("PORT", "hush")

    said = refusal(capsys)

    assert "PORT: " in said
    assert "hush" not in said


def test_several_items_may_stand_on_lines_of_their_own():
    assert comma_separated("smtp://a, smtp://b\nfake://\r\n\n") == [
        "smtp://a",
        "smtp://b",
        "fake://",
    ]
