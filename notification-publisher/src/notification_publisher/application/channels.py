"""Pausing channels, and letting them go on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from notification_contracts.channels import CHANNELS, ChannelName
from notification_ledger.channel_pauses import ChannelPauses

from notification_publisher.application.ports import NoSuchChannel


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelState:
    """Whether a channel is paused, and since when."""

    channel: ChannelName
    is_paused: bool
    paused_at: datetime | None


def _state(channel: ChannelName, since: datetime | None) -> ChannelState:
    return ChannelState(channel=channel, is_paused=since is not None, paused_at=since)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowChannels:
    """List the channels. Raises `LedgerUnavailable`."""

    pauses: ChannelPauses

    async def __call__(self) -> Sequence[ChannelState]:
        paused = await self.pauses.paused()
        return [_state(channel, paused.get(channel)) for channel in CHANNELS]


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseChannel:
    """Have no dispatcher take up anything on a channel, until it is resumed.

    Doing so twice is doing so once. Raises `NoSuchChannel`, `PausesNotKept`, `LedgerUnavailable`.
    """

    pauses: ChannelPauses

    async def __call__(self, channel: str) -> ChannelState:
        return _state(_known(channel), await self.pauses.pause(channel))


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeChannel:
    """End a channel's pause. Raises `NoSuchChannel`, `LedgerUnavailable`."""

    pauses: ChannelPauses

    async def __call__(self, channel: str) -> ChannelState:
        await self.pauses.resume(_known(channel))
        return _state(channel, None)


def _known(channel: str) -> ChannelName:
    if channel not in CHANNELS:
        raise NoSuchChannel(f"There is no channel {channel}; there are {', '.join(CHANNELS)}.")
    return channel
