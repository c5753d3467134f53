"""Which broker and which ledger: the settings of every service that works on the queue."""

from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, AliasChoices, Field, model_validator
from service_kit.settings import ServiceSettings

MEMORY_URL: Final = "memory://"
_ON_REDIS: Final = frozenset({"redis", "rediss"})
_ON_RABBITMQ: Final = frozenset({"amqp", "amqps"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Where notifications wait, where their records are, and under which names."""

    broker_url: str = field(repr=False)
    ledger_url: str = field(repr=False)
    namespace: str = "an"
    retention: timedelta = timedelta(days=30)

    @property
    def are_on_rabbitmq(self) -> bool:
        """Whether the broker is RabbitMQ, which keeps no records."""
        return urlsplit(self.broker_url).scheme in _ON_RABBITMQ

    @property
    def are_tracked_in_redis(self) -> bool:
        """Whether records outlive the processes."""
        return urlsplit(self.ledger_url).scheme in _ON_REDIS


def _broker_url(text: str) -> str:
    if urlsplit(text).scheme not in _ON_REDIS | _ON_RABBITMQ | {"memory"}:
        message = "must begin with redis://, rediss://, amqp://, amqps:// or memory://"
        raise ValueError(message)
    return text


def _ledger_url(text: str) -> str:
    if urlsplit(text).scheme not in _ON_REDIS and text != MEMORY_URL:
        message = "must begin with redis:// or rediss://, or be memory://"
        raise ValueError(message)
    return text


class StoreSettings(ServiceSettings):
    """The broker, the ledger beside it, and how long is remembered."""

    retired = MappingProxyType(
        {
            "MAX_ATTEMPTS": "is no longer a setting: RETRY_SCHEDULE of the dispatcher alone "
            "sets the attempts, one more than it has delays. Remove it"
        }
    )

    broker_url: Annotated[str, AfterValidator(_broker_url)] = Field(
        default="redis://localhost:6379/0",
        validation_alias=AliasChoices("broker_url", "rabbitmq_url"),
        # It may hold a password, and settings end in tracebacks.
        repr=False,
        description="The broker: `redis://`, `rediss://`, `amqp://` or `amqps://`. For one process "
        "alone, as in tests, also `memory://`.",
    )
    ledger_url: Annotated[str, AfterValidator(_ledger_url)] | None = Field(
        default=None,
        repr=False,
        description="Where status is kept: in the broker if that is Redis; otherwise `redis://` or "
        "`rediss://`, or by default `memory://`, the publisher's memory.",
    )
    queue_namespace: str = Field(
        default="an",
        pattern=r"^[a-z0-9][a-z0-9-]{0,31}$",
        description="Begins the names of all keys, queues and exchanges: systems that share a "
        "broker need one each.",
    )
    allow_volatile: bool = Field(
        default=False,
        description="Accept a broker whose settings may lose notifications.",
    )
    retention_days: int = Field(
        default=30,
        ge=1,
        le=3650,
        description="How long a notification is remembered after it has ended.",
    )

    @model_validator(mode="after")
    def _redis_keeps_its_own_ledger(self) -> Self:
        on_redis = urlsplit(self.broker_url).scheme in _ON_REDIS
        if on_redis and self.ledger_url not in {None, self.broker_url}:
            message = "LEDGER_URL: a queue on Redis keeps the ledger itself; leave it out"
            raise ValueError(message)
        return self

    @property
    def stores(self) -> Stores:
        """The settings as the libraries take them, the ledger's default worked out."""
        on_redis = urlsplit(self.broker_url).scheme in _ON_REDIS
        return Stores(
            broker_url=self.broker_url,
            ledger_url=self.ledger_url or (self.broker_url if on_redis else MEMORY_URL),
            namespace=self.queue_namespace,
            retention=timedelta(days=self.retention_days),
        )
