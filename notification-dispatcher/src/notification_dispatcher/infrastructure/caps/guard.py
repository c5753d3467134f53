"""Asks the caps before each send, and watches for numbers that are sent to for their fees."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from durable_queue.port import QueueUnavailable
from notification_contracts.channels import ChannelName
from notification_contracts.states import Reason
from notification_providers.port import (
    FaultSide,
    OutgoingMessage,
    PermanentFailure,
    Repeating,
)
from prometheus_client import CollectorRegistry, Counter
from service_kit.logs import get_logger

from notification_dispatcher.application.ports import OnStart, Sender
from notification_dispatcher.domain.sending import NotTried, SendResult
from notification_dispatcher.infrastructure.caps.caps import ChannelCaps, country_of
from notification_dispatcher.infrastructure.caps.port import SlidingWindows, Window

log = get_logger(__name__)

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
PUMPING_PERIOD: Final = timedelta(minutes=10)
# A range is a number without its last three digits.
RANGE_DIGITS: Final = 3
NOT_COUNTED: Final = timedelta(seconds=5)
# Room comes one place at a time: those who wait are not all to ask for each.
_SHARE_TO_WAIT: Final = 24
_SAY_AGAIN_SECONDS: Final = 60.0


class CapMetrics:
    """How often a cap held a message back, and how often numbers looked pumped."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.guarded = Counter(
            "dispatcher_guarded_total",
            "Messages that a cap held back or refused.",
            ("channel", "cap"),
            registry=registry,
        )
        self.pumping = Counter(
            "dispatcher_number_pumping_total",
            "Messages to a range of which suspiciously many numbers were sent to.",
            ("channel",),
            registry=registry,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedSender:
    """A channel's sender that sends only what the channel's caps have room for."""

    channel: ChannelName
    sender: Sender
    caps: ChannelCaps
    windows: SlidingWindows
    metrics: CapMetrics
    monotonic: Callable[[], float] = time.monotonic
    _said: dict[str, float] = field(default_factory=dict, init=False, repr=False)

    def repeating(self, provider: str) -> Repeating:
        """See `Sender`."""
        return self.sender.repeating(provider)

    @property
    def is_repeatable(self) -> bool:
        """See `Sender`."""
        return self.sender.is_repeatable

    async def find(
        self, provider: str, message: OutgoingMessage, *, since: datetime
    ) -> SendResult | None:
        """See `Sender`."""
        return await self.sender.find(provider, message, since=since)

    async def send(
        self,
        message: OutgoingMessage,
        *,
        on_start: OnStart,
        first: str | None = None,
        is_for_first: bool = False,
    ) -> SendResult:
        """See `Sender`. What is held back is `NotTried`: it uses up no attempt."""
        refused = self._country_refuses(message) or await self._wait_for_room(message)
        if refused is not None:
            return SendResult(outcome=refused)
        return await self.sender.send(
            message, on_start=on_start, first=first, is_for_first=is_for_first
        )

    def _country_refuses(self, message: OutgoingMessage) -> PermanentFailure | None:
        if self.caps.countries is None:
            return None
        country = country_of(message.address)
        if self.caps.countries.allow(country):
            return None
        self._count("country", f"{self.channel} to {country} is not allowed")
        detail = f"{country} is not among the countries that {self.channel} may go to"
        return PermanentFailure(reason=Reason.GUARDED, detail=detail, fault=FaultSide.RECIPIENT)

    async def _wait_for_room(self, message: OutgoingMessage) -> NotTried | None:
        caps = dict(self._windows(message))
        try:
            waits, _ = await asyncio.gather(
                self._enter(message.idempotency_key, list(caps.values())),
                self._watch(message.address),
            )
        except QueueUnavailable:
            detail = "the caps can't be counted for now"
            return NotTried(reason=Reason.GUARDED, detail=detail, retry_in=NOT_COUNTED)
        full = [(wait, name) for name, wait in zip(caps, waits, strict=True) if wait]
        if not full:
            return None
        wait, name = max(full)
        window = caps[name]
        detail = f"{self.channel} has a cap of {window.limit} for each {name}"
        self._count(name, detail)
        retry_in = max(wait, window.period / _SHARE_TO_WAIT)
        return NotTried(reason=Reason.GUARDED, detail=detail, retry_in=retry_in)

    async def _enter(self, member: str, windows: Sequence[Window]) -> Sequence[timedelta]:
        return await self.windows.enter(member, windows) if windows else ()

    def _windows(self, message: OutgoingMessage) -> Iterator[tuple[str, Window]]:
        """Yield each window of a message, by what it is a cap of."""
        caps = self.caps
        if caps.per_address is not None:
            name = f"{self.channel}.a.{_digest(message.address)}"
            yield "address and hour", Window(name=name, limit=caps.per_address, period=HOUR)
        if caps.countries is not None:
            country = country_of(message.address)
            if (limit := caps.countries.limit(country)) is not None:
                name = f"{self.channel}.c.{country}"
                yield f"hour to {country}", Window(name=name, limit=limit, period=HOUR)
        if caps.per_day is not None:
            yield "day", Window(name=f"{self.channel}.d", limit=caps.per_day, period=DAY)

    async def _watch(self, address: str) -> None:
        """Warn when many different numbers of one range are sent to in a short time."""
        limit = self.caps.pumping_numbers
        if limit is None:
            return
        numbers = address[:-RANGE_DIGITS]
        name = f"{self.channel}.r.{_digest(numbers)}"
        window = Window(name=name, limit=limit, period=PUMPING_PERIOD)
        [wait] = await self.windows.enter(_digest(address), [window])
        if wait:
            self.metrics.pumping.labels(self.channel).inc()
            # A range is no one person's number, and whoever reads this must know what to block.
            self._say("guard.number_pumping", numbers, range=f"{numbers}…", more_than=limit)

    def _count(self, cap: str, detail: str) -> None:
        self.metrics.guarded.labels(self.channel, cap.partition(" ")[0]).inc()
        self._say("guard.cap_reached", cap, detail=detail)

    def _say(self, event: str, about: str, **fields: str | int) -> None:
        """Warn, but about the same thing once a minute."""
        now = self.monotonic()
        for key in [key for key, at in self._said.items() if now - at >= _SAY_AGAIN_SECONDS]:
            del self._said[key]
        if f"{event} {about}" not in self._said:
            self._said[f"{event} {about}"] = now
            log.warning(event, channel=self.channel, **fields)


class ChannelGuards:
    """The guards of all channels, and the store in which they count. A `Resource`."""

    def __init__(
        self,
        caps: Mapping[ChannelName, ChannelCaps],
        windows: SlidingWindows,
        registry: CollectorRegistry,
    ) -> None:
        self._caps = {channel: each for channel, each in caps.items() if each.is_any}
        self._windows = windows
        self._metrics = CapMetrics(registry)

    def before(self, senders: Mapping[ChannelName, Sender]) -> Mapping[ChannelName, Sender]:
        """Return the senders, with a guard before each whose channel has caps."""
        return {
            channel: self._guarded(channel, sender) if channel in self._caps else sender
            for channel, sender in senders.items()
        }

    async def start(self) -> None:
        """Say what is capped; the store is connected to when it is first asked."""
        if self._caps:
            counted_by = "all dispatchers" if self._windows.is_shared else "this dispatcher alone"
            log.info("guard.caps", channels=sorted(self._caps), counted_by=counted_by)

    async def stop(self) -> None:
        """Close the connection to the store. What was counted stays."""
        await self._windows.close()

    def _guarded(self, channel: ChannelName, sender: Sender) -> GuardedSender:
        return GuardedSender(
            channel=channel,
            sender=sender,
            caps=self._caps[channel],
            windows=self._windows,
            metrics=self._metrics,
        )


def _digest(personal: str) -> str:
    """Return what stands for a number in the store, which may be read by others."""
    return hashlib.sha256(personal.encode()).hexdigest()[:32]
