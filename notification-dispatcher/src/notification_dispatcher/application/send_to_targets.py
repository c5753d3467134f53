"""Send one notification to its addresses: to all of them, or to the first good one."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from notification_contracts.channels import CHANNELS
from notification_contracts.events import NotificationRequested
from notification_providers.port import AddressGone, OutgoingMessage

from notification_dispatcher.application.attempt import DeliveryAttempt
from notification_dispatcher.application.ports import Sender
from notification_dispatcher.application.send_to_target import SendToTarget
from notification_dispatcher.application.starting import AttemptStart
from notification_dispatcher.application.targets import SendTarget, TargetResult
from notification_dispatcher.domain.progress import Progress

_NO_DATA: Final[Mapping[str, Any]] = {}


@dataclass(slots=True, kw_only=True)  # one for each attempt: a frozen one takes three times as long
class SendToTargets:
    """The sends of one attempt, each after its start. What a start raises is raised."""

    event: NotificationRequested
    attempt: DeliveryAttempt
    sender: Sender
    start: AttemptStart
    send: SendToTarget

    async def __call__(
        self, targets: Sequence[SendTarget], progress: Progress
    ) -> Sequence[TargetResult]:
        """Send to all devices at once; on other channels to the first address that is not gone."""
        if CHANNELS[self.attempt.channel].goes_to_all and len(targets) > 1:
            return await self._to_all(targets, progress)
        results: list[TargetResult] = []
        for target in targets:
            doubt = progress.doubts.get(target.digest) if progress.doubts else None
            key = doubt.key if doubt else target.key
            on_start = partial(self.start.alone, target, key, progress)
            message = self._message(target, key)
            results.append(await self.send(self.sender, message, target, doubt, on_start))
            if not isinstance(results[-1].result.outcome, AddressGone):
                break
            progress = results[-1].added_to(progress)
        return results

    async def _to_all(
        self, targets: Sequence[SendTarget], progress: Progress
    ) -> Sequence[TargetResult]:
        sends = []
        for target in targets:
            doubt = progress.doubts.get(target.digest)
            message = self._message(target, doubt.key if doubt else target.key)
            send = self.send(self.sender, message, target, doubt, self.start.together)
            sends.append(send)
        # All come to an end before anything is raised: none goes on behind a settled message.
        ended = await asyncio.gather(*sends, return_exceptions=True)
        results = [each for each in ended if isinstance(each, TargetResult)]
        for error in ended:
            if isinstance(error, BaseException):
                raise error
        return results

    def _message(self, target: SendTarget, key: str) -> OutgoingMessage:
        event, attempt = self.event, self.attempt
        return OutgoingMessage(
            trace_id=attempt.trace_id,
            channel=attempt.channel,
            attempt=attempt.number,
            idempotency_key=key,
            address=target.address,
            message=event.message,
            subject=event.subject,
            html=event.html,
            data=event.data or _NO_DATA,
            expires_at=event.expires_at,
        )
