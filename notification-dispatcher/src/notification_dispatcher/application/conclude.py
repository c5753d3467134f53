"""Decide what follows from what came of a notification's addresses in one attempt."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from notification_contracts.states import Reason
from notification_providers.port import (
    Accepted,
    AddressGone,
    PermanentFailure,
    TransientFailure,
    UncertainFailure,
)

from notification_dispatcher.application.attempt import DeliveryAttempt
from notification_dispatcher.application.targets import TargetResult, uses_an_attempt
from notification_dispatcher.domain.progress import Progress
from notification_dispatcher.domain.retries import RetryPolicy, later
from notification_dispatcher.domain.sending import NotTried
from notification_dispatcher.domain.verdicts import (
    Deferred,
    DeliveryVerdict,
    Failed,
    Retrying,
    Sent,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclude:
    """It is sent if one address took it; what may still succeed elsewhere is tried again first.

    | one took it,     | this attempt, at those that      | verdict                            |
    | now or before    | may still succeed                |                                    |
    |------------------|----------------------------------|------------------------------------|
    | yes              | none                             | sent                               |
    | yes              | failed for now, or uncertain     | retrying; sent after the last      |
    |                  |                                  | attempt, or if it expires before   |
    | yes              | throttled or untried only        | deferred; sent if it expires before|
    | no               | none; at least one uncertain     | failed, `ambiguous`                |
    | no               | none                             | failed, as the first one is        |
    | no               | one failed for now, or uncertain | retrying; failed after the last    |
    | no               | throttled or untried only        | deferred                           |

    Refused for good and gone never may succeed; uncertain may, if it may be repeated (see
    `SendToTarget`). Once another took it, only if its doubt can be cleared up: it is not worth a
    second message.
    """

    retries: RetryPolicy
    random: Callable[[], float]
    now: Callable[[], datetime]

    def __call__(
        self, results: Sequence[TargetResult], progress: Progress, attempt: DeliveryAttempt
    ) -> DeliveryVerdict:
        """Decide. `progress` is what was known before; the verdict's is left to the caller."""
        if len(results) == 1 and not progress.taken:
            return self._one(results[0], attempt)
        targets = tuple(each.shown() for each in results) if len(results) > 1 else ()
        accepted = next((each for each in results if _is_accepted(each)), None)
        is_taken = accepted is not None or bool(progress.taken)
        waiting = [
            each
            for each in results
            if each.may_still_succeed
            and not (is_taken and each.is_uncertain and each.doubt is None)
        ]
        if waiting or not is_taken:
            verdict = self._unsent(waiting, results, attempt)
            if not is_taken or not self._is_the_end(verdict, attempt):
                return replace(verdict, targets=targets)
        sent = self._one(accepted, attempt) if accepted else Sent(call=None)
        return replace(sent, targets=targets)

    def _unsent(
        self,
        waiting: Sequence[TargetResult],
        results: Sequence[TargetResult],
        attempt: DeliveryAttempt,
    ) -> DeliveryVerdict:
        tried = [each for each in waiting if uses_an_attempt(each)]
        uncertain = [each for each in results if each.is_uncertain]
        if waiting and not tried:
            verdicts = (self._one(each, attempt) for each in waiting)
            return min(verdicts, key=_delay)
        verdict = self._one((tried or uncertain or results)[0], attempt)
        if uncertain and isinstance(verdict, Retrying | Failed):
            return replace(verdict, is_uncertain=True)
        return verdict

    def _one(self, result: TargetResult, attempt: DeliveryAttempt) -> DeliveryVerdict:
        call = result.result.call
        match result.result.outcome:
            case Accepted(message_id=message_id, diversion=diversion):
                return Sent(call=call, message_id=message_id, diversion=diversion)
            case NotTried(reason=reason, detail=detail, retry_in=retry_in):
                delay = later(retry_in, self.random())
                return Deferred(delay=delay, reason=reason, detail=detail)
            case (
                PermanentFailure(reason=reason, detail=detail)
                | AddressGone(reason=reason, detail=detail)
            ):
                return Failed(reason=reason, detail=detail, call=call)
            case UncertainFailure(detail=detail):
                failed = Failed(
                    reason=Reason.AMBIGUOUS, detail=detail, call=call, is_uncertain=True
                )
                return self._again(failed, attempt) if result.may_repeat else failed
            case TransientFailure(reason=reason, detail=detail) as failure:
                if (asked := failure.provider_retry_after) is not None:
                    delay = self.retries.asked(asked, self.random())
                    return Deferred(delay=delay, reason=reason, detail=detail, call=call)
                failed = Failed(reason=reason, detail=detail, call=call)
                return self._again(failed, attempt, failure.retry_after)
            case never:
                assert_never(never)

    def _again(
        self, failed: Failed, attempt: DeliveryAttempt, retry_after: timedelta | None = None
    ) -> Retrying | Failed:
        delay = self.retries.delay_after(
            attempt.number, chance=self.random(), retry_after=retry_after
        )
        if delay is None or attempt.number >= attempt.limit:
            detail = f"{failed.reason}: {failed.detail}"
            return replace(failed, reason=Reason.ATTEMPTS_EXHAUSTED, detail=detail)
        return Retrying(
            delay=delay,
            reason=failed.reason,
            detail=failed.detail,
            call=failed.call,
            is_uncertain=failed.is_uncertain,
        )

    def _is_the_end(self, verdict: DeliveryVerdict, attempt: DeliveryAttempt) -> bool:
        """Tell whether no other attempt follows, so that what one took would not be told."""
        if not isinstance(verdict, Deferred | Retrying):
            return True
        return attempt.expires_at is not None and self.now() + verdict.delay >= attempt.expires_at


def _is_accepted(result: TargetResult) -> bool:
    return isinstance(result.result.outcome, Accepted)


def _delay(verdict: DeliveryVerdict) -> timedelta:
    return verdict.delay if isinstance(verdict, Deferred) else timedelta(0)
