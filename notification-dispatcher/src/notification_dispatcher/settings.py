"""The settings of the dispatcher, read from environment variables."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from notification_contracts.channels import CHANNELS, ChannelName
from notification_contracts.lanes import DELIVERY, VALIDATION, WEBHOOKS
from notification_ledger.settings import StoreSettings
from notification_providers.delivery import DeliveryMode, DeliveryPolicy
from notification_providers.urls import Limits, parse
from pydantic import AfterValidator, Field, create_model, model_validator
from service_kit.http.client import MAX_CONNECTIONS
from service_kit.settings import HttpUrl, comma_separated

from notification_dispatcher.domain.retries import DEFAULT_SCHEDULE, RetryPolicy, parse_schedule
from notification_dispatcher.infrastructure.caps.settings import CapSettings
from notification_dispatcher.infrastructure.contacts.settings import ContactSettings
from notification_dispatcher.infrastructure.providers.senders import BreakerSettings
from notification_dispatcher.infrastructure.webhooks.opening import CallLimits
from notification_dispatcher.infrastructure.webhooks.settings import StatusWebhookSettings
from notification_dispatcher.interface.workers import WorkerOptions, grace_after
from notification_dispatcher.setting_checks import (
    ALL,
    check_delivery,
    check_provider_urls,
    check_schedule,
    check_stages,
)

FAKE: Final = "fake://"
LONGEST_PROVIDER_TIMEOUT: Final = timedelta(seconds=45)


class DispatcherSettings(CapSettings, ContactSettings, StatusWebhookSettings, StoreSettings):
    """What does not depend on which channels there are; `settings_class` adds the rest."""

    dispatcher_host: str = Field(default="127.0.0.1", description="Address to listen on.")
    dispatcher_port: int = Field(default=8003, ge=0, le=65535, description="Port to listen on.")
    public_url: HttpUrl | None = Field(
        default=None,
        description="Where providers reach the gateway, such as `https://notify.example.com`: they "
        "post receipts below it, and sign its address.",
    )
    dispatcher_stages: Annotated[str, AfterValidator(check_stages)] = Field(
        default=ALL,
        description="What this process works on: `all`, or `validation`, `delivery`, "
        "`delivery.sms` and so on, and `webhooks`, comma separated.",
    )
    dispatcher_concurrency: int = Field(
        default=64,
        ge=1,
        le=4096,
        description="Notifications handled at once, for each stage and channel.",
    )
    delivery: Annotated[str, AfterValidator(check_delivery)] = Field(
        default="",
        description="To whom messages really go: `live`, `fake`, `capture`, `redirect:ADDRESS`, "
        "`allow:PATTERN,…`. By default `live`: fakes alone send nothing.",
    )
    fake_outbox: Path | None = Field(
        default=None,
        description="File to which fake providers append what they accept, and to which what is "
        "captured goes.",
    )
    lab_url: HttpUrl | None = Field(
        default=None,
        description="Where the lab's API is, if the lab stands in the place of all providers: "
        "`GET /outbox` shows what it took. `asyncnotify up --lab` sets it.",
    )
    retry_schedule: Annotated[str, AfterValidator(check_schedule)] = Field(
        default=DEFAULT_SCHEDULE,
        description="Wait before attempt 2, 3, and so on; then it is given up. There is one "
        "attempt more than there are delays.",
    )
    provider_timeout_seconds: float = Field(
        default=10,
        gt=0,
        le=LONGEST_PROVIDER_TIMEOUT.total_seconds(),
        description="How long a provider may take to answer. A stop takes up to 15 s longer.",
    )
    lease_seconds: float = Field(
        default=60,
        ge=1,
        le=3600,
        description="How long a notification is this process's without a sign of life; then "
        "another one takes it up. The same for all, and longer than a provider may take.",
    )
    unknown_version_seconds: float = Field(
        default=86_400,
        ge=0,
        le=31_536_000,
        description="How long an event of a version that this dispatcher does not know waits for "
        "one that does; then it is a dead letter.",
    )
    provider_concurrency: int | None = Field(
        default=None,
        ge=1,
        le=4096,
        description="Calls under way at once, for each provider. By default as many as "
        "`DISPATCHER_CONCURRENCY` says.",
    )
    provider_breaker_failures: int = Field(
        default=10, ge=1, description="Failures in a row after which a provider gets no call."
    )
    provider_breaker_seconds: float = Field(
        default=30, gt=0, description="How long it gets none; then it is tried again."
    )
    provider_retry_after_max_seconds: float = Field(
        default=3600,
        ge=1,
        le=86_400,
        description="The longest that a provider's `Retry-After` is obeyed.",
    )

    @model_validator(mode="after")
    def _lease_outlasts_a_provider(self) -> Self:
        if self.slowest_provider > LONGEST_PROVIDER_TIMEOUT:
            raise ValueError("timeout_seconds in a provider's URL: must be at most 45")
        if self.lease <= self.slowest_provider:
            limit = "PROVIDER_TIMEOUT_SECONDS or any provider's timeout_seconds"
            raise ValueError(f"LEASE_SECONDS: must be more than {limit}")
        return self

    @property
    def lease(self) -> timedelta:
        """How long a notification is this process's without a sign of life."""
        return timedelta(seconds=self.lease_seconds)

    @property
    def slowest_provider(self) -> timedelta:
        """The longest that any provider of any channel may take to answer."""
        urls = chain.from_iterable(self.provider_urls.values())
        return max(parse(url, self.provider_limits)[1].timeout for url in urls)

    @property
    def workers(self) -> WorkerOptions:
        """How this process's workers work."""
        return WorkerOptions(
            concurrency=self.dispatcher_concurrency,
            calls_at_once=self._calls_at_once,
            lease=self.lease,
            grace=grace_after(max(self.slowest_provider, self.webhook_timeout)),
            longest_version_wait=timedelta(seconds=self.unknown_version_seconds),
        )

    @property
    def _calls_at_once(self) -> Mapping[ChannelName, int]:
        """How many calls each channel's providers may take at once, all together."""
        return {
            channel: sum(parse(url, self.provider_limits)[1].concurrency for url in urls)
            for channel, urls in self.opened_urls.items()
        }

    @property
    def retries(self) -> RetryPolicy:
        """When a failed send is tried again."""
        return RetryPolicy(
            schedule=parse_schedule(self.retry_schedule),
            retry_after_max=timedelta(seconds=self.provider_retry_after_max_seconds),
        )

    @property
    def breaker(self) -> BreakerSettings:
        """When a provider gets no call."""
        pause = timedelta(seconds=self.provider_breaker_seconds)
        return BreakerSettings(failures=self.provider_breaker_failures, pause=pause)

    @property
    def validates(self) -> bool:
        """Whether this process validates."""
        return bool({ALL, VALIDATION} & set(comma_separated(self.dispatcher_stages)))

    @property
    def tells_webhooks(self) -> bool:
        """Whether this process tells webhooks of status changes."""
        return bool({ALL, WEBHOOKS} & set(comma_separated(self.dispatcher_stages)))

    @property
    def webhook_calls(self) -> CallLimits:
        """How many events are posted at once."""
        return CallLimits(
            at_once=self.dispatcher_concurrency, breaker=self.breaker, source=self.public_url
        )

    @property
    def channels(self) -> list[ChannelName]:
        """On which channels this process delivers."""
        stages = set(comma_separated(self.dispatcher_stages))
        if stages & {ALL, DELIVERY}:
            return list(CHANNELS)
        return [channel for channel in CHANNELS if f"{DELIVERY}.{channel}" in stages]

    @property
    def descriptors(self) -> int:
        """How many connections to providers, webhooks and the user-service may be open at once."""
        to_webhooks = self.dispatcher_concurrency if self.tells_webhooks else 0
        return MAX_CONNECTIONS + self.provider_limits.concurrency * len(self.channels) + to_webhooks

    @property
    def holding_channels(self) -> frozenset[ChannelName]:
        """On which channels an uncertain send is never repeated."""
        return frozenset(
            channel for channel in CHANNELS if self._of(channel, "on_ambiguous") == "hold"
        )

    @property
    def provider_urls(self) -> Mapping[ChannelName, Sequence[str]]:
        """The URLs of each channel's providers, in order."""
        return {channel: comma_separated(self._of(channel, "providers")) for channel in CHANNELS}

    @property
    def delivers_to(self) -> DeliveryPolicy:
        """To whom messages really go."""
        return DeliveryPolicy.parse(self.delivery or DeliveryMode.LIVE)

    @property
    def opened_urls(self) -> Mapping[ChannelName, Sequence[str]]:
        """The URLs of the providers that are opened: fakes, where nothing real may be."""
        if self.delivers_to.mode is not DeliveryMode.FAKE:
            return self.provider_urls
        return {
            channel: [url if url.startswith(FAKE) else FAKE for url in urls]
            for channel, urls in self.provider_urls.items()
        }

    @property
    def provider_schemes(self) -> Mapping[ChannelName, Sequence[str]]:
        """The schemes of each channel's providers, in order; the rest of a URL may be secret."""
        return {
            channel: [parse(url, self.provider_limits)[0].scheme for url in urls]
            for channel, urls in self.opened_urls.items()
        }

    @property
    def provider_limits(self) -> Limits:
        """How much a provider may be asked to do whose URL says nothing of it."""
        return Limits(
            timeout=timedelta(seconds=self.provider_timeout_seconds),
            concurrency=self.provider_concurrency or self.dispatcher_concurrency,
        )

    def _of(self, channel: ChannelName, what: str) -> str:
        value: str = getattr(self, _field_name(channel, what))
        return value


def settings_class() -> type[DispatcherSettings]:
    """Return the settings with `<CHANNEL>_PROVIDERS` and `<CHANNEL>_ON_AMBIGUOUS` for each channel.

    Made when called, so that channels registered before are included.
    """
    fields: dict[str, Any] = {}
    for channel in CHANNELS:
        fields[_field_name(channel, "providers")] = (
            Annotated[str, AfterValidator(partial(check_provider_urls, channel=channel))],
            Field(
                default=FAKE,
                repr=False,  # it may hold keys
                description=f"URLs of the {channel} providers, in order, comma separated.",
            ),
        )
        fields[_field_name(channel, "on_ambiguous")] = (
            Literal["resend", "hold"],
            Field(
                default="resend",
                description=f"What to do when it is uncertain whether a message on {channel} was "
                "sent, and its provider neither knows a repetition nor can be asked: send it "
                "again, or keep it as a dead letter.",
            ),
        )
    return create_model("DispatcherSettings", __base__=DispatcherSettings, **fields)


def _field_name(channel: ChannelName, what: str) -> str:
    return f"{channel.replace('-', '_').replace('.', '_')}_{what}"
