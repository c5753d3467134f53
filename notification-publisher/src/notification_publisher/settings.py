"""What the publisher can be told, by environment variables."""

from typing import Self

from notification_ledger.settings import StoreSettings
from pydantic import Field, model_validator


class PublisherSettings(StoreSettings):
    """Where notifications go, how many may wait, and where the service listens."""

    publisher_host: str = Field(default="127.0.0.1", description="Address to listen on.")
    publisher_port: int = Field(default=8001, ge=0, le=65535, description="Port to listen on.")
    publisher_workers: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Processes that share the port; more than one need records in Redis.",
    )
    max_waiting: int = Field(
        default=1_000_000,
        ge=1,
        description="Notifications of one priority that may wait for their turn or their time; "
        "more are refused with 503.",
    )
    replay_per_second: float = Field(
        default=50.0,
        gt=0,
        le=10_000,
        description="How many dead letters are queued per second when many are replayed at once.",
    )
    max_streams: int = Field(
        default=1000, ge=1, description="Event streams that may be open at once."
    )
    dead_letters_alarm: int = Field(
        default=100,
        ge=1,
        description="How many more dead letters within ten minutes webhooks for operators are told "
        "of.",
    )

    @model_validator(mode="after")
    def _workers_share_records(self) -> Self:
        if self.publisher_workers > 1 and not self.stores.are_tracked_in_redis:
            message = (
                "PUBLISHER_WORKERS needs records in Redis: set BROKER_URL or LEDGER_URL to a "
                "redis:// URL; in memory:// each worker would know of its own notifications alone"
            )
            raise ValueError(message)
        return self
