"""Why a notification waits whose channel is paused."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from durable_queue.port import BrokerClock
from notification_contracts.channels import ChannelName
from notification_contracts.durations import since
from notification_contracts.states import Status
from notification_ledger.channel_pauses import ChannelPauses

from notification_publisher.application.explaining import ExplainNotification, Explanation, Fact

_WAITS_FOR_ITS_CHANNEL: Final = frozenset({Status.VALIDATED, Status.RETRYING})


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainWithPauses:
    """Tell why a notification is where it is, the pause of its channel included."""

    explain: ExplainNotification
    pauses: ChannelPauses
    clock: BrokerClock

    async def __call__(self, trace_id: str) -> Explanation:
        told = await self.explain(trace_id)
        channel = next((fact.value for fact in told.facts if fact.name == "channel"), "")
        if told.status not in _WAITS_FOR_ITS_CHANNEL:
            return told
        paused_at = (await self.pauses.paused()).get(channel)
        if paused_at is None:
            return told
        return _while_paused(told, channel, paused_at, await self.clock.time())


def _while_paused(
    told: Explanation, channel: ChannelName, paused_at: datetime, now: datetime
) -> Explanation:
    paused = f"The channel {channel} is paused: an operator did that {since(paused_at, now)}."
    why = f"{paused} {told.why}" if told.why else paused
    next_ = f"It goes on when {channel} is resumed."
    parts = (told.where, why, next_, told.advice)
    stamp = paused_at.isoformat().replace("+00:00", "Z")
    return replace(
        told,
        sentence=" ".join(part for part in parts if part),
        why=why,
        next=next_,
        facts=(*told.facts, Fact(name="channel_paused_at", value=stamp)),
    )
