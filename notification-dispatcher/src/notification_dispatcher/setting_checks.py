"""What a setting of the dispatcher may say, beyond its type."""

from typing import Final

from durable_queue.messages import MAX_ATTEMPTS
from notification_contracts.channels import CHANNELS, ChannelName
from notification_contracts.lanes import DELIVERY, VALIDATION, WEBHOOKS
from notification_providers.delivery import DeliveryPolicy
from notification_providers.registry import check_provider
from service_kit.settings import comma_separated

from notification_dispatcher.domain.retries import parse_schedule

ALL: Final = "all"


def check_schedule(text: str) -> str:
    """Return a retry schedule; raise ValueError if it has more attempts than there may be."""
    if len(parse_schedule(text)) >= MAX_ATTEMPTS:
        raise ValueError(f"must not have more than {MAX_ATTEMPTS - 1} delays")
    return text


def check_delivery(text: str) -> str:
    """Return to whom messages go; raise ValueError if it is none of the known ways."""
    if text:
        DeliveryPolicy.parse(text)
    return text


def check_stages(text: str) -> str:
    """Return the stages; raise ValueError if one is not known, or none is named."""
    known = {
        ALL,
        VALIDATION,
        DELIVERY,
        WEBHOOKS,
        *(f"{DELIVERY}.{channel}" for channel in CHANNELS),
    }
    for name in comma_separated(text):
        if name not in known:
            raise ValueError(f"{name!r} is not a stage; known: {', '.join(sorted(known))}")
    if not comma_separated(text):
        raise ValueError("must name a stage")
    return text


def check_provider_urls(text: str, *, channel: ChannelName) -> str:
    """Return a channel's provider URLs; raise ValueError if one is invalid, or there is none."""
    urls = comma_separated(text)
    if not urls:
        raise ValueError("must name a provider, such as fake://")
    for url in urls:
        check_provider(url, channel)
    return text
