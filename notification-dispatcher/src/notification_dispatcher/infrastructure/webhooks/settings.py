"""What the dispatcher can be told of status webhooks."""

from datetime import timedelta
from ipaddress import ip_network
from typing import Annotated, Final

from pydantic import AfterValidator, Field
from service_kit.settings import ServiceSettings

from notification_dispatcher.domain.retries import RetryPolicy, parse_schedule

DEFAULT_SCHEDULE: Final = "5s,1m,5m,30m,2h,5h,8h,10h"


def _schedule(text: str) -> str:
    parse_schedule(text)
    return text


def _networks(text: str) -> str:
    for each in text.split():
        ip_network(each)
    return text


class StatusWebhookSettings(ServiceSettings):
    """How endpoints are called, how often, and until when."""

    status_webhook_retry_schedule: Annotated[str, AfterValidator(_schedule)] = Field(
        default=DEFAULT_SCHEDULE,
        description="Wait before attempt 2, 3, and so on to tell an endpoint of a status change; "
        "then that event is given up.",
    )
    status_webhook_timeout_seconds: float = Field(
        default=10, gt=0, le=45, description="How long an endpoint may take to answer."
    )
    status_webhook_disable_days: float = Field(
        default=5,
        gt=0,
        le=365,
        description="How long an endpoint may take nothing before it is disabled.",
    )
    status_webhook_networks: Annotated[str, AfterValidator(_networks)] = Field(
        default="",
        description="Networks in which endpoints may be, besides public ones, such as "
        "`10.0.0.0/8 fd00::/8`.",
    )

    @property
    def webhook_timeout(self) -> timedelta:
        """How long an endpoint may take to answer."""
        return timedelta(seconds=self.status_webhook_timeout_seconds)

    @property
    def webhook_retries(self) -> RetryPolicy:
        """When a failed attempt is made again."""
        return RetryPolicy(schedule=parse_schedule(self.status_webhook_retry_schedule))

    @property
    def webhook_failing_limit(self) -> timedelta:
        """How long an endpoint may take nothing."""
        return timedelta(days=self.status_webhook_disable_days)
