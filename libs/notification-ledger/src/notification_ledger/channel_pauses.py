"""Channels that an operator has paused: nothing is delivered on them until they are resumed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from notification_contracts.channels import ChannelName

from notification_ledger.reading import LedgerError


class PausesNotKept(LedgerError):
    """Raised where a pause would be forgotten at the next restart, so that none can begin."""


class ChannelPauses(Protocol):
    """Knows the paused channels, for all processes. All methods raise `LedgerUnavailable`."""

    async def paused(self) -> Mapping[ChannelName, datetime]:
        """Return the paused channels, and since when each is."""
        ...

    async def pause(self, channel: ChannelName) -> datetime:
        """Pause a channel; return since when it is, which may be earlier.

        Raises:
            PausesNotKept: there is nowhere to keep it.
        """
        ...

    async def resume(self, channel: ChannelName) -> None:
        """End a channel's pause; one that is not paused stays so."""
        ...

    async def close(self) -> None:
        """Close connections. Pauses stay."""
        ...


@dataclass(slots=True, kw_only=True)
class InMemoryChannelPauses:
    """`ChannelPauses` for as long as the object lives, as beside a broker in memory."""

    now: Callable[[], datetime]
    _since: dict[ChannelName, datetime] = field(default_factory=dict, init=False)

    async def paused(self) -> Mapping[ChannelName, datetime]:
        """See `ChannelPauses`."""
        return dict(self._since)

    async def pause(self, channel: ChannelName) -> datetime:
        """See `ChannelPauses`."""
        return self._since.setdefault(channel, self.now())

    async def resume(self, channel: ChannelName) -> None:
        """See `ChannelPauses`."""
        self._since.pop(channel, None)

    async def close(self) -> None:
        """See `ChannelPauses`: there is no connection."""


class NoChannelPauses:
    """`ChannelPauses` where no store outlives the processes that share the broker."""

    async def paused(self) -> Mapping[ChannelName, datetime]:
        """Return none: none can have begun."""
        return {}

    async def pause(self, channel: ChannelName) -> datetime:
        """See `ChannelPauses`."""
        message = (
            f"{channel} can't be paused: records are in the publisher's memory, and the pause "
            "would be forgotten when it restarts. Set LEDGER_URL to a Redis"
        )
        raise PausesNotKept(message)

    async def resume(self, channel: ChannelName) -> None:
        """Do nothing: it is not paused."""

    async def close(self) -> None:
        """Do nothing: there is no connection."""
