"""Tries a channel's providers for an operator."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from notification_contracts.channels import ChannelName
from notification_providers.delivery import Diverter
from notification_providers.trial import Trial, try_provider

from notification_dispatcher.application.ports import UnknownChannel
from notification_dispatcher.application.provider_states import NamedProvider


@dataclass(frozen=True, slots=True, kw_only=True)
class TryProviders:
    """Check each provider of a channel, and send a test message by each if there is an address.

    All of it together takes no longer than `limit`, and `diverter` decides where messages go, as
    for any. Breakers and pauses neither forbid it nor learn from it: an operator tries a provider
    to find out what they are about.
    """

    providers: Sequence[NamedProvider]
    limit: timedelta
    diverter: Diverter

    async def __call__(self, channel: ChannelName, to: str | None) -> dict[str, Trial]:
        """Return what came of each of the channel's providers, by name, in their order.

        Raises:
            UnknownChannel: there is no provider of such a channel.
        """
        tried = [each for each in self.providers if each.channel == channel]
        if not tried:
            raise UnknownChannel(channel)
        trials = await asyncio.gather(
            *(
                try_provider(each.provider, channel, to, limit=self.limit, diverter=self.diverter)
                for each in tried
            )
        )
        return {each.name: trial for each, trial in zip(tried, trials, strict=True)}
