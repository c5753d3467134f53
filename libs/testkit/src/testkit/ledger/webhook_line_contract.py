"""What waits for an endpoint, and what becomes of it; a part of `WebhookStoreContract`."""

from dataclasses import replace
from datetime import timedelta

import pytest
from notification_contracts.states import Status
from notification_contracts.webhooks import AttemptOutcome, DisabledFor
from notification_ledger.webhooks.endpoints import WebhookEvent
from notification_ledger.webhooks.port import (
    WebhookStore,
)

from testkit.ledger.webhook_examples import (
    DAYS,
    MAX_WAITING,
    first_of,
    make_attempt,
    make_endpoint,
    make_event,
    put,
)


class LineContract:
    """What waits, and what becomes of it."""

    async def test_a_line_has_one_message_and_keeps_its_order(self, store: WebhookStore) -> None:
        await store.store(make_endpoint())
        line = await put(store, Status.QUEUED, Status.SENDING)
        await store.append([(await store.endpoint("wh_1"), make_event(Status.SENT))])
        assert await store.unsent() == []

        first: WebhookEvent | None = await first_of(store, line)
        said = []
        while first:
            said.append(first.data["status"])
            settled = await store.settle(
                line, make_attempt(first, AttemptOutcome.DELIVERED), failing_limit=DAYS
            )
            first = settled.next

        assert said == ["queued", "sending", "sent"]
        assert await store.head(line) is None
        assert (await store.endpoint("wh_1")).waiting == 0

    async def test_an_event_comes_out_as_it_went_in(self, store: WebhookStore) -> None:
        stored = await store.store(make_endpoint())
        line = await put(store, Status.SENT)

        assert await store.head(line) == (replace(stored, waiting=1), make_event())

    async def test_each_trace_has_a_line_of_its_own(self, store: WebhookStore) -> None:
        await store.store(make_endpoint())
        one, other = await put(store, Status.SENT), await put(store, Status.SENT, trace_id="t2")

        assert one.message_id != other.message_id
        assert (await first_of(store, other)).trace_id == "t2"

    async def test_a_message_of_a_line_that_ended_does_nothing(self, store: WebhookStore) -> None:
        await store.store(make_endpoint())
        old = await put(store, Status.SENDING)
        event = await first_of(store, old)
        await store.settle(old, make_attempt(event, AttemptOutcome.DELIVERED), failing_limit=DAYS)
        new = await put(store, Status.SENT)

        late = make_attempt(make_event(Status.SENT), AttemptOutcome.DELIVERED)
        assert (await store.settle(old, late, failing_limit=DAYS)).next is None
        assert await store.head(old) is None
        assert await first_of(store, new) == make_event(Status.SENT)

    async def test_what_is_to_be_tried_again_stays_first(self, store: WebhookStore) -> None:
        await store.store(make_endpoint())
        line = await put(store, Status.SENDING, Status.SENT)
        event = await first_of(store, line)

        settled = await store.settle(
            line, make_attempt(event, AttemptOutcome.RETRYING), failing_limit=DAYS
        )

        assert settled.next is None
        assert await first_of(store, line) == event
        assert (await store.endpoint("wh_1")).failing_since is not None

    async def test_what_is_given_up_makes_way(self, store: WebhookStore) -> None:
        await store.store(make_endpoint())
        line = await put(store, Status.SENDING, Status.SENT)
        event = await first_of(store, line)

        settled = await store.settle(
            line, make_attempt(event, AttemptOutcome.GIVEN_UP), failing_limit=DAYS
        )

        assert settled.next == make_event(Status.SENT)

    async def test_a_success_ends_the_failing(self, store: WebhookStore) -> None:
        await store.store(make_endpoint())
        line = await put(store, Status.SENT)
        event = await first_of(store, line)
        for outcome in (AttemptOutcome.RETRYING, AttemptOutcome.DELIVERED):
            await store.settle(line, make_attempt(event, outcome), failing_limit=DAYS)

        assert (await store.endpoint("wh_1")).failing_since is None

    @pytest.mark.parametrize(
        ("outcome", "limit", "why"),
        [
            (AttemptOutcome.GONE, DAYS, DisabledFor.GONE),
            (AttemptOutcome.RETRYING, timedelta(0), DisabledFor.FAILING),
        ],
    )
    async def test_one_that_is_gone_or_fails_for_too_long_gets_nothing_more(
        self, store: WebhookStore, outcome: AttemptOutcome, limit: timedelta, why: DisabledFor
    ) -> None:
        await store.store(make_endpoint())
        line = await put(store, Status.SENDING, Status.SENT)
        event = await first_of(store, line)
        settled = await store.settle(line, make_attempt(event, outcome), failing_limit=limit)
        again = await store.settle(line, make_attempt(event, outcome), failing_limit=limit)

        disabled = await store.endpoint("wh_1")
        await store.append([(disabled, make_event(Status.DELIVERED))])
        assert (settled.disabled_for, settled.next, again.disabled_for) == (why, None, None)
        assert (disabled.disabled_for, disabled.is_enabled) == (why, False)
        assert disabled.disabled_at is not None
        assert await store.head(line) is None
        assert (await store.endpoint("wh_1")).waiting == 0

    async def test_of_one_that_was_deleted_meanwhile_nothing_is_left(
        self, store: WebhookStore
    ) -> None:
        await store.store(make_endpoint())
        line = await put(store, Status.SENDING, Status.SENT)
        event = await first_of(store, line)
        await store.delete("wh_1")
        delivered = make_attempt(event, AttemptOutcome.DELIVERED)
        assert (await store.settle(line, delivered, failing_limit=DAYS)).next is None

        await store.store(make_endpoint())
        assert await store.attempts("wh_1", limit=5) == []
        assert await first_of(store, await put(store, Status.SENT)) == make_event(Status.SENT)

    async def test_one_that_is_enabled_again_is_healthy(self, store: WebhookStore) -> None:
        await store.store(make_endpoint())
        line = await put(store, Status.SENT)
        event = await first_of(store, line)
        await store.settle(line, make_attempt(event, AttemptOutcome.GONE), failing_limit=DAYS)

        disabled = await store.endpoint("wh_1")
        enabled = await store.store(replace(disabled, disabled_for=None))

        assert (enabled.failing_since, enabled.disabled_at) == (None, None)
        assert await first_of(store, await put(store, Status.SENT)) == event

    async def test_too_many_that_wait_disable_it(self, store: WebhookStore) -> None:
        endpoint = await store.store(make_endpoint())
        entries = [(endpoint, make_event(trace_id=f"t{n}")) for n in range(MAX_WAITING)]

        assert await store.append(entries) == []
        (full,) = await store.append(entries)
        assert full.disabled_for is DisabledFor.BACKLOG_FULL


class AttemptContract:
    """The history."""

    async def test_attempts_are_listed_newest_first_in_pages(self, store: WebhookStore) -> None:
        await store.store(make_endpoint())
        line = await put(store, Status.SENT)
        event = await first_of(store, line)
        for number in (1, 2, 3):
            attempt = make_attempt(
                event,
                AttemptOutcome.RETRYING,
                number=number,
                status_code=500,
                answer="oh nö",
                error="the receiver answered 500",
                retry_in=timedelta(seconds=5),
            )
            await store.settle(line, attempt, failing_limit=DAYS)

        first = await store.attempts("wh_1", limit=2)
        rest = await store.attempts("wh_1", limit=2, before=first[-1].id)

        assert [each.attempt.number for each in (*first, *rest)] == [3, 2, 1]
        assert rest[0].attempt == replace(first[0].attempt, number=1)
        assert first[0].attempt.event == event
        assert await store.attempt("wh_1", rest[0].id) == rest[0]
        assert await store.attempt("wh_1", "1-1") is None
        assert await store.attempts("wh_2", limit=2) == []
