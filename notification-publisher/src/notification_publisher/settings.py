"""What the publisher can be told, by environment variables."""

from notification_ledger.settings import StoreSettings
from pydantic import Field


class PublisherSettings(StoreSettings):
    """Where notifications go, how many may wait, and where the service listens."""

    publisher_host: str = Field(default="127.0.0.1", description="Address to listen on.")
    publisher_port: int = Field(default=8001, ge=0, le=65535, description="Port to listen on.")
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
