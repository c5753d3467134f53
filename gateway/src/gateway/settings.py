"""What the gateway can be told."""

from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, Self

from notification_contracts.http.fields import MAX_REQUEST_BYTES
from pydantic import Field, model_validator
from service_kit.settings import HttpUrl, ServiceSettings
from service_kit.sql.urls import MEMORY_URL, DatabaseUrl

from gateway.domain.keys import KeyLimits


class GatewaySettings(ServiceSettings):
    """Where the gateway listens, which services are behind it, and what it lets through."""

    gateway_host: str = Field(default="127.0.0.1", description="The address to listen on.")
    gateway_port: int = Field(default=8000, ge=0, le=65535, description="The port to listen on.")
    gateway_workers: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Processes that share the port; more than one need GATEWAY_DATABASE_URL.",
    )
    gateway_bind: str = Field(
        default="",
        description="In a container: the address by which it is reached from outside; it counts "
        "instead of GATEWAY_HOST where GATEWAY_AUTH is not set.",
    )
    gateway_auth: Literal["none", "keys"] | None = Field(
        default=None,
        description="`keys`: every call needs an API key. `none`: none does. Not set: none does as "
        "long as only this machine can reach the gateway; else it does not start.",
    )
    gateway_database_url: DatabaseUrl = Field(
        default=MEMORY_URL,
        repr=False,  # it may hold a password
        description="Where keys, sessions and the audit list are kept: `memory://`, "
        "`sqlite+aiosqlite:///FILE`, `postgresql+asyncpg://USER:PASSWORD@HOST/NAME`.",
    )
    gateway_first_key_path: Path | None = Field(
        default=None,
        description="A file for the first key with the scope `admin`, which is made if there is "
        "none.",
    )
    key_requests_per_second: int | None = Field(
        default=None,
        ge=1,
        description="How many requests a second may come with a key that has no limit of its own.",
    )
    key_burst: int | None = Field(
        default=None,
        ge=1,
        description="How many of them may come at once; by default a second's.",
    )
    key_notifications_per_day: int | None = Field(
        default=None,
        ge=1,
        description="How many notifications may be sent from midnight to midnight, UTC, with a key "
        "that has no limit of its own.",
    )
    key_streams: int | None = Field(
        default=None,
        ge=1,
        description="How many event streams such a key may have open at each gateway.",
    )
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

    @model_validator(mode="after")
    def _is_not_open_by_accident(self) -> Self:
        is_open = self.gateway_auth is None and not self.gateway_bind
        if is_open and not _is_loopback(self.gateway_host):
            message = (
                f"GATEWAY_HOST={self.gateway_host} lets other machines in: set GATEWAY_AUTH=keys, "
                "or GATEWAY_AUTH=none if something else keeps strangers out"
            )
            raise ValueError(message)
        if self.needs_keys and self.gateway_database_url == MEMORY_URL:
            message = "GATEWAY_AUTH=keys needs GATEWAY_DATABASE_URL: keys in memory:// are lost"
            raise ValueError(message)
        if self.needs_keys and not self.internal_token:
            message = (
                "GATEWAY_AUTH=keys needs INTERNAL_TOKEN, the same for all services: without it who "
                "reaches them needs no key"
            )
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _workers_share_keys(self) -> Self:
        if self.gateway_workers > 1 and self.gateway_database_url == MEMORY_URL:
            message = (
                "GATEWAY_WORKERS needs GATEWAY_DATABASE_URL: in memory:// each worker would have "
                "keys and an audit list of its own"
            )
            raise ValueError(message)
        return self

    @property
    def needs_keys(self) -> bool:
        """Tell whether calls need a key."""
        if self.gateway_auth is None:
            return bool(self.gateway_bind) and not _is_loopback(self.gateway_bind)
        return self.gateway_auth == "keys"

    @property
    def key_limits(self) -> KeyLimits:
        """Return what holds for keys without limits of their own."""
        return KeyLimits(
            requests_per_second=self.key_requests_per_second,
            burst=self.key_burst,
            notifications_per_day=self.key_notifications_per_day,
            streams=self.key_streams,
        )

    @property
    def how_to_see_first_key(self) -> str:
        """Return the command that shows the first key."""
        command = f"cat {self.gateway_first_key_path}"
        return f"docker-compose exec gateway {command}" if self.gateway_bind else command

    @property
    def upstream_timeout(self) -> timedelta:
        return timedelta(seconds=self.upstream_timeout_seconds)

    @property
    def upstream_connect_timeout(self) -> timedelta:
        return timedelta(seconds=self.upstream_connect_timeout_seconds)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
