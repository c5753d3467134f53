"""Telling an endpoint of the events in one of its lines, one after the other."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol, Self

from notification_contracts.webhooks import AttemptOutcome, EventKind
from notification_ledger.webhooks.endpoints import Attempt, Endpoint, WebhookEvent
from notification_ledger.webhooks.port import EventDelivery, Line, Settled

from notification_dispatcher.domain.retries import RetryPolicy, growing

_FIRST_WAIT: Final = timedelta(seconds=2)
_LONGEST_WAIT: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointAnswer:
    """What came of a call; `status_code` is None if there was no answer, `error` says why not."""

    duration: timedelta
    status_code: int | None = None
    answer: str | None = None
    error: str | None = None
    retry_after: timedelta | None = None

    @property
    def is_success(self) -> bool:
        """True for every 2xx."""
        return self.status_code is not None and 200 <= self.status_code < 300

    @property
    def is_gone(self) -> bool:
        """True if the endpoint wants nothing more, ever."""
        return self.status_code == 410


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCalled:
    """An endpoint that is not called now: for how long at least."""

    delay: timedelta


class EndpointCaller(Protocol):
    """Posts events."""

    async def call(self, endpoint: Endpoint, event: WebhookEvent) -> EndpointAnswer | NotCalled:
        """Post an event, signed. An endpoint that is slow or fails takes no room from others."""
        ...


class AttemptCounter(Protocol):
    """Counts what came of attempts, and says in the log what somebody should see."""

    def attempted(self, line: Line, attempt: Attempt) -> None:
        """Count an attempt."""
        ...

    def disabled(self, endpoint: Endpoint) -> None:
        """Count, and log, that an endpoint gets nothing more."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LineProgress:
    """How often the first event of a line was tried, and how often it had to wait untried since.

    It travels with the line's message. Wire form: the event's id, tries, waits.
    """

    event_id: str = ""
    tries: int = 0
    waits: int = 0

    @classmethod
    def decode(cls, text: str) -> Self:
        """Read what `encode` wrote; what is no such text is a new beginning."""
        parts = text.split(" ")
        if len(parts) != 3 or not (parts[1].isdecimal() and parts[2].isdecimal()):
            return cls()
        return cls(event_id=parts[0], tries=int(parts[1]), waits=int(parts[2]))

    def encode(self) -> str:
        """Write it."""
        return f"{self.event_id} {self.tries} {self.waits}"

    def of(self, event: WebhookEvent) -> "LineProgress":
        """Return what is known of an event: nothing, if it is another one."""
        return self if self.event_id == event.id else replace(_NOTHING, event_id=event.id)


_NOTHING: Final = LineProgress()


@dataclass(frozen=True, slots=True, kw_only=True)
class LineWaits:
    """The line is to be looked at again, after a delay."""

    delay: timedelta
    progress: LineProgress


@dataclass(frozen=True, slots=True, kw_only=True)
class TellEndpoint:
    """Post the events of a line in their order; stop at one that has to be tried again.

    `failing_limit` is for how long an endpoint may take nothing before it is disabled. A test is
    posted once. Raises `WebhooksUnavailable`.
    """

    store: EventDelivery
    caller: EndpointCaller
    counter: AttemptCounter
    tell_disabled: Callable[[Endpoint, datetime], Awaitable[None]]
    retries: RetryPolicy
    failing_limit: timedelta
    random: Callable[[], float]
    now: Callable[[], datetime]

    async def __call__(self, line: Line, progress: LineProgress) -> LineWaits | None:
        """Return when to go on; None if all of the line is done."""
        head = await self.store.head(line)
        if head is None:
            return None
        endpoint, event = head
        following: WebhookEvent | None = event
        while following is not None:
            progress = progress.of(following)
            answer = await self.caller.call(endpoint, following)
            if isinstance(answer, NotCalled):
                return self._later(progress, answer.delay)
            attempt = self._attempt(following, answer, progress.tries + 1)
            settled = await self._settle(line, endpoint, attempt)
            if attempt.retry_in is not None:
                tried = replace(progress, tries=attempt.number, waits=0)
                return LineWaits(delay=attempt.retry_in, progress=tried)
            following = settled.next
        return None

    def _later(self, progress: LineProgress, at_least: timedelta) -> LineWaits:
        # What waits for an endpoint that is down comes back ever more rarely, and spread.
        delay = growing(progress.waits, self.random(), first=_FIRST_WAIT, cap=_LONGEST_WAIT)
        waited = replace(progress, waits=progress.waits + 1)
        return LineWaits(delay=max(delay, at_least), progress=waited)

    def _attempt(self, event: WebhookEvent, answer: EndpointAnswer, number: int) -> Attempt:
        outcome, retry_in = AttemptOutcome.GIVEN_UP, None
        if answer.is_success:
            outcome = AttemptOutcome.DELIVERED
        elif answer.is_gone:
            outcome = AttemptOutcome.GONE
        elif event.kind is not EventKind.TEST and not self.retries.is_last(number):
            outcome = AttemptOutcome.RETRYING
            retry_in = self.retries.delay_after(
                number, chance=self.random(), retry_after=answer.retry_after
            )
        return Attempt(
            event=event,
            number=number,
            outcome=outcome,
            duration_ms=round(answer.duration / timedelta(milliseconds=1), 1),
            status_code=answer.status_code,
            answer=answer.answer,
            error=answer.error,
            retry_in=retry_in,
        )

    async def _settle(self, line: Line, endpoint: Endpoint, attempt: Attempt) -> Settled:
        settled = await self.store.settle(line, attempt, failing_limit=self.failing_limit)
        self.counter.attempted(line, attempt)
        if settled.disabled_for is not None:
            disabled = replace(endpoint, disabled_for=settled.disabled_for)
            self.counter.disabled(disabled)
            await self.tell_disabled(disabled, self.now())
        return settled
