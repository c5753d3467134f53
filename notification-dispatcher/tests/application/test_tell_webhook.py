from collections import deque
from datetime import timedelta

import pytest
from notification_contracts.states import Status
from notification_contracts.webhooks import AttemptOutcome, DisabledFor, EventKind
from notification_dispatcher.application.tell_webhook import (
    EndpointAnswer,
    LineProgress,
    NotCalled,
    TellEndpoint,
)
from notification_dispatcher.domain.retries import RetryPolicy, parse_schedule
from notification_ledger.webhooks.endpoints import ASKED_FOR, EndpointSettings, WebhookEvent
from notification_ledger.webhooks.memory import InMemoryWebhookStore
from notification_ledger.webhooks.telling import TellOperators
from testkit.ledger.webhook_examples import AT, make_endpoint, make_event, put

SECOND = timedelta(seconds=1)
OK = EndpointAnswer(duration=SECOND, status_code=200)
DOWN = EndpointAnswer(duration=SECOND, status_code=503, error="the receiver answered 503")
GONE = EndpointAnswer(duration=SECOND, status_code=410)


class ScriptedCaller:
    """Answers as it is told, then with success."""

    def __init__(self, *answers):
        self.answers = deque(answers)
        self.posted = []

    async def call(self, endpoint, event):
        answer = self.answers.popleft() if self.answers else OK
        if isinstance(answer, EndpointAnswer):
            self.posted.append(event)
        return answer


class CountedAttempts:
    def __init__(self):
        self.outcomes = []
        self.endpoints = []

    def attempted(self, line, attempt):
        self.outcomes.append(attempt.outcome)

    def disabled(self, endpoint):
        self.endpoints.append(endpoint.disabled_for)


@pytest.fixture
def store():
    return InMemoryWebhookStore()


@pytest.fixture
def counter():
    return CountedAttempts()


@pytest.fixture
def teller(store, counter):
    def make(caller, failing_limit=timedelta(days=5)):
        return TellEndpoint(
            store=store,
            caller=caller,
            counter=counter,
            tell_disabled=TellOperators(store=store).disabled,
            retries=RetryPolicy(schedule=parse_schedule("5s,1m")),
            failing_limit=failing_limit,
            random=lambda: 0.5,
            now=lambda: AT,
        )

    return make


async def outcomes(store):
    return [each.attempt.outcome for each in await store.attempts("wh_1", limit=20)][::-1]


async def test_a_line_is_told_in_its_order_by_one_message(store, teller):
    await store.store(make_endpoint())
    line = await put(store, Status.QUEUED, Status.SENDING, Status.SENT)
    caller = ScriptedCaller()

    assert await teller(caller)(line, LineProgress()) is None
    assert [each.data["status"] for each in caller.posted] == ["queued", "sending", "sent"]
    assert await store.head(line) is None


async def test_what_fails_is_tried_again_by_the_schedule_and_holds_up_what_follows(
    store, teller, counter
):
    await store.store(make_endpoint())
    line = await put(store, Status.SENDING, Status.SENT)
    caller = ScriptedCaller(DOWN, DOWN)
    tell = teller(caller)

    first = await tell(line, LineProgress())
    second = await tell(line, LineProgress.decode(first.progress.encode()))
    done = await tell(line, second.progress)

    assert [first.delay, second.delay, done] == [5 * SECOND, 60 * SECOND, None]
    statuses = [each.data["status"] for each in caller.posted]
    assert statuses == ["sending", "sending", "sending", "sent"]
    assert len({each.id for each in caller.posted[:3]}) == 1
    assert counter.outcomes == ["retrying", "retrying", "delivered", "delivered"]


async def test_after_the_last_attempt_it_is_given_up_and_the_next_has_all_its_attempts(
    store, teller
):
    await store.store(make_endpoint())
    line = await put(store, Status.SENDING, Status.SENT)
    tell, waits = teller(ScriptedCaller(*[DOWN] * 4)), None
    for _ in range(3):
        waits = await tell(line, waits.progress if waits else LineProgress())

    assert await outcomes(store) == ["retrying", "retrying", "given_up", "retrying"]
    assert waits.delay == 5 * SECOND
    assert (waits.progress.tries, waits.progress.event_id) == (1, make_event(Status.SENT).id)


async def test_retry_after_is_obeyed(store, teller):
    await store.store(make_endpoint())
    asked = EndpointAnswer(duration=SECOND, status_code=429, retry_after=120 * SECOND)
    waits = await teller(ScriptedCaller(asked))(await put(store, Status.SENT), LineProgress())

    assert waits.delay >= 120 * SECOND


async def test_waiting_for_room_uses_up_no_attempt_and_grows(store, teller, counter):
    await store.store(make_endpoint())
    line = await put(store, Status.SENT)
    tell = teller(ScriptedCaller(NotCalled(delay=SECOND), NotCalled(delay=90 * SECOND)))

    first = await tell(line, LineProgress())
    second = await tell(line, first.progress)
    done = await tell(line, second.progress)

    assert (first.delay, second.delay, done) == (2 * SECOND, 90 * SECOND, None)
    assert counter.outcomes == ["delivered"]
    assert (await store.attempts("wh_1", limit=1))[0].attempt.number == 1


@pytest.mark.parametrize(
    ("answer", "limit", "why"),
    [
        (GONE, timedelta(days=5), DisabledFor.GONE),
        (DOWN, timedelta(0), DisabledFor.FAILING),
    ],
)
async def test_one_that_is_disabled_gets_nothing_more_and_operators_are_told(
    store, teller, counter, answer, limit, why
):
    watching = EndpointSettings(url="https://ops.example", events=(EventKind.ENDPOINT_DISABLED,))
    await store.store(make_endpoint())
    await store.store(make_endpoint("wh_ops", settings=watching))
    line = await put(store, Status.SENDING, Status.SENT)
    caller = ScriptedCaller(answer)
    tell = teller(caller, limit)
    waits = await tell(line, LineProgress())
    if waits:
        assert await tell(line, waits.progress) is None

    assert len(caller.posted) == 1
    assert counter.endpoints == [why]
    assert (await store.endpoint("wh_1")).waiting == 0
    (told,) = await store.unsent()
    _, event = await store.head(told)
    assert (told.endpoint_id, event.data["webhook"], event.data["reason"]) == (
        "wh_ops",
        "wh_1",
        why,
    )


async def test_a_test_is_posted_once(store, teller):
    endpoint = await store.store(make_endpoint())
    event = WebhookEvent(
        id="msg_1", kind=EventKind.TEST, at=AT, ordering_key=f"{ASKED_FOR}1", data={}
    )
    await store.append([(endpoint, event)])
    (line,) = await store.unsent()

    assert await teller(ScriptedCaller(DOWN))(line, LineProgress()) is None
    assert await outcomes(store) == [AttemptOutcome.GIVEN_UP]


async def test_a_message_whose_line_is_done_does_nothing(store, teller):
    await store.store(make_endpoint())
    line = await put(store, Status.SENT)
    caller = ScriptedCaller()
    for _ in range(2):
        assert await teller(caller)(line, LineProgress()) is None

    assert len(caller.posted) == 1


@pytest.mark.parametrize("text", ["", "nonsense", "a b c", "msg_1 1"])
def test_progress_that_cannot_be_read_is_a_new_beginning(text):
    assert LineProgress.decode(text) == LineProgress()
