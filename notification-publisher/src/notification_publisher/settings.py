"""What the publisher can be told, by environment variables."""

from datetime import timedelta
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, AliasChoices, Field, model_validator
from service_kit.settings import ServiceSettings

MEMORY_URL: Final = "memory://"
_ON_REDIS: Final = frozenset({"redis", "rediss"})
_BROKERS: Final = _ON_REDIS | {"amqp", "amqps", "memory"}


def _broker_url(text: str) -> str:
    if urlsplit(text).scheme not in _BROKERS:
        message = "must begin with redis://, rediss://, amqp://, amqps:// or memory://"
        raise ValueError(message)
    return text


def _ledger_url(text: str) -> str:
    if urlsplit(text).scheme not in _ON_REDIS and text != MEMORY_URL:
        message = "must begin with redis:// or rediss://, or be memory://"
        raise ValueError(message)
    return text


class Settings(ServiceSettings):
    """Where notifications go, how many may wait, and where the service listens."""

    publisher_host: str = Field(default="127.0.0.1", description="Address to listen on.")
    publisher_port: int = Field(default=8001, ge=0, le=65535, description="Port to listen on.")
    broker_url: Annotated[str, AfterValidator(_broker_url)] = Field(
        default="redis://localhost:6379/0",
        validation_alias=AliasChoices("broker_url", "rabbitmq_url"),
        # It may hold a password, and settings end in tracebacks.
        repr=False,
        description="The broker: `redis://`, `rediss://`, `amqp://`, `amqps://` or `memory://`.",
    )
    ledger_url: Annotated[str, AfterValidator(_ledger_url)] | None = Field(
        default=None,
        repr=False,
        description=(
            "Where tracking lives: `redis://`, `rediss://` or `memory://`; "
            "by default in the broker, if that is Redis, and else in memory."
        ),
    )
    allow_volatile: bool = Field(
        default=False,
        description="Accept notifications although the broker is set up so that it may lose them.",
    )
    max_waiting: int = Field(
        default=1_000_000,
        ge=1,
        description="Notifications of one priority that may wait; more are refused with 503.",
    )
    max_attempts: int = Field(
        default=8, ge=1, le=100, description="Attempts before a notification is a dead letter."
    )
    retention_days: int = Field(
        default=30,
        ge=1,
        le=3650,
        description="How long a notification is remembered after it has ended.",
    )
    replay_per_second: float = Field(
        default=50.0,
        gt=0,
        le=10_000,
        description="How fast dead letters leave when many are replayed at once.",
    )
    max_streams: int = Field(
        default=1000, ge=1, description="Event streams that may be open at once."
    )

    @model_validator(mode="after")
    def _redis_keeps_its_own_ledger(self) -> Self:
        on_redis = urlsplit(self.broker_url).scheme in _ON_REDIS
        if on_redis and self.ledger_url not in {None, self.broker_url}:
            message = "LEDGER_URL: a queue on Redis keeps the ledger itself; leave it out"
            raise ValueError(message)
        return self

    @property
    def effective_ledger_url(self) -> str:
        """Return the URL of the ledger, the default worked out."""
        on_redis = urlsplit(self.broker_url).scheme in _ON_REDIS
        return self.ledger_url or (self.broker_url if on_redis else MEMORY_URL)

    @property
    def retention(self) -> timedelta:
        """Return how long an ended notification is remembered."""
        return timedelta(days=self.retention_days)
