"""Tell what would become of a notification, before it is asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from notification_contracts.channels import CHANNELS, ChannelName
from notification_contracts.durations import at_time, until
from notification_contracts.events import AskedFields
from notification_contracts.meanings import in_place, meaning_of
from notification_contracts.states import Reason
from notification_ledger.channel_pauses import ChannelPauses

from notification_dispatcher.application.find_contact import FindContacts
from notification_dispatcher.application.provider_states import ProviderState, ProviderStates
from notification_dispatcher.domain.contact import Contact, choose_channel
from notification_dispatcher.domain.verdicts import Deferred, Failed

_GOOD: Final = "good"
_KEPT: Final = {"capture", "fake"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeseenTarget:
    """One of the user's addresses on the channel: its label or its place, never the address.

    `health` is `good`, or why nothing is sent to it. `is_used` says that it would be sent to first.
    """

    target: str
    health: str
    is_used: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """What would become of it, as things stand.

    `would_be_sent` is false if it would fail. `provider` is the one that would be asked first, if
    one can be asked now; `waits_until` is when one can, if that is known. `delivery` is the mode of
    `DELIVERY`: `capture` for a test key.
    """

    would_be_sent: bool
    reason: Reason | None = None
    channel: ChannelName | None = None
    sentence: str
    targets: Sequence[ForeseenTarget] = ()
    provider: str | None = None
    waits_until: datetime | None = None
    delivery: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """Go the way of a notification without sending anything: by the same rules, up to the provider.

    What only a provider can tell is not foreseen, nor what is not yet known of its times.
    """

    find_contacts: FindContacts
    states: ProviderStates
    pauses: ChannelPauses
    now: Callable[[], datetime]

    async def __call__(self, asked: AskedFields, *, is_test: bool) -> Foreseen:
        delivery = "capture" if is_test else self.states.delivery
        [contact] = await self.find_contacts([(asked.user_id, 0)])
        if isinstance(contact, Deferred):
            said = _because(contact.reason, asked.user_id, asked.channel)
            sentence = f"It would wait, {said}; it goes on by itself."
            return Foreseen(
                would_be_sent=True, reason=contact.reason, sentence=sentence, delivery=delivery
            )
        if isinstance(contact, Failed):
            return _fails(contact, asked.user_id, asked.channel, delivery)
        chosen = choose_channel(contact, asked.channel)
        if isinstance(chosen, Failed):
            targets = _targets(contact, asked.channel) if asked.channel else ()
            return _fails(chosen, asked.user_id, asked.channel, delivery, targets)
        if (too_long := CHANNELS[chosen].too_long(asked.message)) is not None:
            failed = Failed(reason=Reason.MESSAGE_TOO_LONG, detail=too_long)
            return _fails(failed, asked.user_id, chosen, delivery)
        return await self._sent(asked, chosen, _targets(contact, chosen), delivery)

    async def _sent(
        self,
        asked: AskedFields,
        channel: ChannelName,
        targets: Sequence[ForeseenTarget],
        delivery: str,
    ) -> Foreseen:
        now = self.now()
        of_channel = [each for each in await self.states.states() if each.channel == channel]
        ready = next((each for each in of_channel if _opens_at(each, now) is None), None)
        waits_until = None
        if ready is None and of_channel:
            waits_until = min(filter(None, (_opens_at(each, now) for each in of_channel)))
        paused = channel in await self.pauses.paused()
        when = _when(asked.send_at, now, waits_until, channel, is_paused=paused)
        return Foreseen(
            would_be_sent=True,
            channel=channel,
            sentence=f"{_what(channel, targets, ready, delivery)} {when}",
            targets=targets,
            provider=ready.name if ready else None,
            waits_until=waits_until,
            delivery=delivery,
        )


def _fails(
    failed: Failed,
    user_id: str,
    channel: str | None,
    delivery: str,
    targets: Sequence[ForeseenTarget] = (),
) -> Foreseen:
    said = _because(failed.reason, user_id, channel)
    return Foreseen(
        would_be_sent=False,
        reason=failed.reason,
        channel=channel,
        sentence=f"It would be accepted and fail, {said} ({failed.detail}).",
        targets=targets,
        delivery=delivery,
    )


def _because(reason: Reason, user_id: str, channel: str | None) -> str:
    return f"because {in_place(meaning_of(reason).because, user=user_id, channel=channel)}"


def _targets(contact: Contact, channel: str) -> Sequence[ForeseenTarget]:
    """Return the addresses on a channel; a message goes to all good ones, or to the first."""
    goes_to_all = channel in CHANNELS and CHANNELS[channel].goes_to_all
    targets: list[ForeseenTarget] = []
    for place, address in enumerate(contact.on(channel), 1):
        is_good = address.suppressed is None
        is_first = not any(each.is_used for each in targets)
        targets.append(
            ForeseenTarget(
                target=address.label or f"#{place}",
                health=address.suppressed or _GOOD,
                is_used=is_good and (goes_to_all or is_first),
            )
        )
    return targets


def _opens_at(state: ProviderState, now: datetime) -> datetime | None:
    """Return when a provider may be called again; None if it may be now."""
    times = (state.paused_until, state.opens_until if state.breaker == "open" else None)
    return max((at for at in times if at is not None and at > now), default=None)


def _what(
    channel: ChannelName,
    targets: Sequence[ForeseenTarget],
    ready: ProviderState | None,
    delivery: str,
) -> str:
    used = [each.target for each in targets if each.is_used]
    whom = f"to {', '.join(used)}" if len(targets) > 1 else "to the user's address"
    if delivery in _KEPT:
        return f"It would go the whole way on {channel}, and be kept: it reaches nobody."
    by = f" by {ready.name}" if ready else ""
    redirected = f" (DELIVERY={delivery} has the last word)" if delivery != "live" else ""
    return f"It would be sent on {channel}{by}, {whom}{redirected}."


def _when(
    send_at: datetime | None,
    now: datetime,
    waits_until: datetime | None,
    channel: ChannelName,
    *,
    is_paused: bool,
) -> str:
    if is_paused:
        return f"It would wait until {channel} is resumed, which an operator has paused."
    if waits_until is not None:
        return f"No provider of {channel} can be asked now; one can {until(waits_until, now)}."
    if send_at is not None and send_at > now:
        return f"It would leave at {at_time(send_at, now)}."
    return "It would leave at once."
