"""What the environment says to `asyncnotify up`."""

from pathlib import Path

from dotenv import dotenv_values
from pydantic import Field, FilePath
from pydantic_settings import BaseSettings, SettingsConfigDict


class UpSettings(BaseSettings):
    """Ports and stores of `asyncnotify up`; all but the gateway listen on 127.0.0.1 only."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    gateway_host: str = Field(
        default="127.0.0.1", description="The address that the gateway listens on."
    )
    gateway_port: int = Field(default=8000, ge=1, le=65535, description="Where the gateway is.")
    publisher_port: int = Field(
        default=8001, ge=1, le=65535, description="Where the notification-publisher listens."
    )
    user_service_port: int = Field(
        default=8002, ge=1, le=65535, description="Where the user-service listens."
    )
    dispatcher_port: int = Field(
        default=8003,
        ge=1,
        le=65535,
        description="The first dispatcher's port; further ones use the next numbers.",
    )
    redis_port: int = Field(default=6390, ge=1, le=65535, description="The embedded Redis.")
    lab_http_port: int = Field(
        default=8025, ge=1, le=65535, description="With `--lab`: its HTTP port, and its own API."
    )
    lab_https_port: int = Field(
        default=8026, ge=1, le=65535, description="With `--lab`: its HTTP/2 port, over TLS."
    )
    lab_smtp_port: int = Field(default=1025, ge=1, le=65535, description="With `--lab`: SMTP.")
    lab_smtps_port: int = Field(
        default=1465, ge=1, le=65535, description="With `--lab`: SMTP over TLS."
    )
    redis_server: FilePath | None = Field(
        default=None,
        description="The redis-server program of the embedded Redis. Default: the one that wrote "
        "the data; else the one on the PATH, or that of the wheel.",
    )
    redis_maxmemory: str | None = Field(
        default=None,
        pattern=r"^[1-9][0-9]*([kmg]b?)?$",
        description="How much the embedded Redis may hold, as `512mb`; then nothing new is "
        "accepted. Default: half of the memory.",
    )
    broker_url: str | None = Field(
        default=None, repr=False, description="A broker to use instead of the embedded Redis."
    )
    rabbitmq_url: str | None = Field(
        default=None, repr=False, description="Used as the broker if BROKER_URL is not set."
    )
    ledger_url: str | None = Field(
        default=None,
        repr=False,
        description="Where status is kept beside RabbitMQ. Default: an embedded Redis.",
    )
    users_database_url: str | None = Field(
        default=None, repr=False, description="Default: SQLite in the data folder."
    )
    gateway_database_url: str | None = Field(
        default=None, repr=False, description="Default: SQLite in the data folder."
    )
    fake_outbox: str | None = Field(
        default=None, description="Default: outbox.jsonl in the data folder."
    )


def read_dotenv(path: Path) -> dict[str, str]:
    """Return the variables that a `.env` file sets; none if there is no such file."""
    return {name: value for name, value in dotenv_values(path).items() if value is not None}
