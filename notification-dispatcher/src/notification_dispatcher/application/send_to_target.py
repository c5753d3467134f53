"""Send to one address, and clear up first what an earlier attempt left in doubt."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from notification_contracts.channels import ChannelName
from notification_providers.port import OutgoingMessage, Repeating, UncertainFailure

from notification_dispatcher.application.ports import OnStart, Sender
from notification_dispatcher.application.targets import SendTarget, TargetResult
from notification_dispatcher.domain.progress import Doubt, doubt_at
from notification_dispatcher.domain.retries import RetryPolicy
from notification_dispatcher.domain.sending import SendResult

ASK_FROM: Final = timedelta(seconds=1)  # providers show whole seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class SendToTarget:
    """What a provider may have taken before is repeated only where that doubles nothing.

    | the provider in doubt | what is done                                                         |
    |-----------------------|----------------------------------------------------------------------|
    | is idempotent         | it gets the same again, under the same key; another provider gets it |
    |                       | only where the operator has it resent                                |
    | can be asked          | it is asked. It took it: sent. It never did: sent as if new. It can't|
    |                       | tell: it is asked again at the next attempt; at the last one it is as|
    |                       | the operator has it. It gets no call for now: it is asked later, and |
    |                       | no attempt is used up                                                |
    | neither, or is gone   | as the operator has it                                               |

    `holds` are the channels on which the operator has nothing resent that may double.
    """

    holds: Collection[ChannelName]
    retries: RetryPolicy
    now: Callable[[], datetime]

    async def __call__(
        self,
        sender: Sender,
        message: OutgoingMessage,
        target: SendTarget,
        doubt: Doubt | None,
        on_start: OnStart,
    ) -> TargetResult:
        """Send `message`; its key is that of the doubt, if there is one."""
        if doubt is None:
            result = await sender.send(message, on_start=on_start)
            return self._told(sender, message, target, result, None)
        holds = message.channel in self.holds
        match sender.repeating(doubt.provider):
            case Repeating.IDEMPOTENT:
                result = await sender.send(
                    message, on_start=on_start, first=doubt.provider, is_for_first=holds
                )
                return self._told(sender, message, target, result, doubt)
            case Repeating.ASKABLE:
                found = await sender.find(doubt.provider, message, since=doubt.since - ASK_FROM)
                if found is None:
                    doubt = None
                elif (
                    holds
                    or not isinstance(found.outcome, UncertainFailure)
                    or not self.retries.is_last(message.attempt)
                ):
                    return TargetResult(target=target, result=found, doubt=doubt)
            case Repeating.NEITHER if holds:
                detail = f"{doubt.provider} may have taken it, and can't be asked"
                lost = SendResult(outcome=UncertainFailure(detail=detail))
                return TargetResult(target=target, result=lost, may_repeat=False)
        result = await sender.send(message, on_start=on_start)
        return self._told(sender, message, target, result, doubt)

    def _told(
        self,
        sender: Sender,
        message: OutgoingMessage,
        target: SendTarget,
        result: SendResult,
        doubt: Doubt | None,
    ) -> TargetResult:
        if not isinstance(result.outcome, UncertainFailure) or result.call is None:
            return TargetResult(target=target, result=result, doubt=doubt)
        provider = result.call.provider
        if sender.repeating(provider) is not Repeating.NEITHER:
            began = self.now() - result.call.duration
            doubt = doubt_at(provider, message.idempotency_key, doubt, began)
            return TargetResult(target=target, result=result, doubt=doubt)
        may_repeat = message.channel not in self.holds
        return TargetResult(target=target, result=result, doubt=doubt, may_repeat=may_repeat)
