"""What the gateway can be told."""

from datetime import timedelta

from notification_contracts.http.fields import MAX_REQUEST_BYTES
from pydantic import Field
from service_kit.settings import HttpUrl, ServiceSettings


class GatewaySettings(ServiceSettings):
    """Where the gateway listens, which services are behind it, and what it lets through."""

    gateway_host: str = Field(default="127.0.0.1", description="The address to listen on.")
    gateway_port: int = Field(default=8000, ge=0, le=65535, description="The port to listen on.")
    publisher_url: HttpUrl = Field(
        default="http://localhost:8001", description="Where the notification-publisher is."
    )
    user_service_url: HttpUrl = Field(
        default="http://localhost:8002", description="Where the user-service is."
    )
    dispatcher_url: HttpUrl = Field(
        default="http://localhost:8003", description="Where a notification-dispatcher is."
    )
    upstream_timeout_seconds: float = Field(
        default=10, gt=0, le=300, description="How long a service may take to answer."
    )
    upstream_connect_timeout_seconds: float = Field(
        default=2, gt=0, le=300, description="How long a call may wait for a connection."
    )
    upstream_max_connections: int = Field(
        default=256,
        ge=1,
        le=10_000,
        description="Calls to one service at once, at most 32 to dispatchers; streams of events do "
        "not count.",
    )
    max_streams: int = Field(
        default=1000,
        ge=1,
        description="Event streams that may be open at once; at most half of MAX_CONNECTIONS.",
    )
    max_body_bytes: int = Field(
        default=MAX_REQUEST_BYTES,
        ge=MAX_REQUEST_BYTES,
        description="The largest body that is let through, in bytes; a message of 10,000 "
        "characters and HTML of 100,000 must fit, however they are escaped.",
    )

    @property
    def upstream_timeout(self) -> timedelta:
        return timedelta(seconds=self.upstream_timeout_seconds)

    @property
    def upstream_connect_timeout(self) -> timedelta:
        return timedelta(seconds=self.upstream_connect_timeout_seconds)
