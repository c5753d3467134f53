"""Expiry: too late is settled as such, never sent."""

import pytest
from durable_queue.port import Change, ControlOutcome, MessageExpired

from testkit.queue_contract.harness import AT_ONCE, LANE, QueueHarness, message


class ExpiryContract:
    """What holds for messages with `expires_at`."""

    async def test_expired_message_is_not_given_out(self, harness: QueueHarness) -> None:
        await harness.queue.send(message("m", expires_at=harness.now() + harness.moment))
        await harness.send("other")
        await harness.advance(2 * harness.moment)

        assert await harness.left() == ["other"]
        assert await harness.changes("m") == [Change.ENQUEUED, Change.EXPIRED]

    async def test_what_expires_in_a_lane_that_rests_can_be_ended(
        self, harness: QueueHarness
    ) -> None:
        await harness.queue.send(message("m", expires_at=harness.now() + harness.moment))
        await harness.send("other")
        assert await harness.queue.expire([LANE]) == 0
        await harness.advance(2 * harness.moment)

        ended = await harness.queue.expire([LANE])

        # Where the broker promotes, what has expired is noticed when it is received.
        expected = [] if harness.promotes_by_itself else [Change.EXPIRED]
        assert ended == len(expected)
        assert await harness.changes("m") == [Change.ENQUEUED, *expected]
        assert await harness.queue.expire([LANE]) == 0
        assert await harness.left() == ["other"]
        assert (await harness.changes("m"))[-1] == Change.EXPIRED

    async def test_delivery_says_when_it_expires(self, harness: QueueHarness) -> None:
        expires_at = (harness.now() + harness.lease).replace(microsecond=123_000)
        await harness.queue.send(message("m", expires_at=expires_at))

        assert (await harness.take()).expires_at == expires_at

    async def test_start_is_refused_when_it_is_too_late(self, harness: QueueHarness) -> None:
        await harness.queue.send(message("m", expires_at=harness.now() + harness.moment))
        delivery = await harness.take()
        await harness.advance(2 * harness.moment)

        with pytest.raises(MessageExpired):
            await delivery.start()

        assert await harness.changes("m") == [Change.ENQUEUED, Change.EXPIRED]
        with pytest.raises(MessageExpired):
            await delivery.start()
        await harness.pass_time(2 * harness.lease)
        assert await harness.left() == []

    async def test_start_in_time_counts_even_if_it_expires_then(
        self, harness: QueueHarness
    ) -> None:
        await harness.queue.send(message("m", expires_at=harness.now() + harness.moment))
        delivery = await harness.take()
        await delivery.start()
        await harness.advance(2 * harness.moment)
        await delivery.ack()

        assert (await harness.changes("m"))[-1] == Change.DONE

    async def test_every_start_is_refused_when_it_is_too_late(self, harness: QueueHarness) -> None:
        await harness.queue.send(message("m", expires_at=harness.now() + harness.moment))
        delivery = await harness.take()
        await delivery.start()
        await delivery.start()
        await harness.advance(2 * harness.moment)

        for _ in range(2):
            with pytest.raises(MessageExpired):
                await delivery.start()
        assert await harness.changes("m") == [Change.ENQUEUED, Change.STARTED, Change.EXPIRED]
        await harness.pass_time(2 * harness.lease)
        assert await harness.left() == []

    async def test_delayed_message_expires_without_waiting_until_it_is_due(
        self, harness: QueueHarness
    ) -> None:
        await harness.queue.send(message("m", expires_at=harness.now() + harness.moment))
        await (await harness.take()).retry(100 * harness.moment)
        await harness.pass_time(2 * harness.moment)

        assert (await harness.changes("m"))[-1] == Change.EXPIRED
        assert (await harness.queue.depths([LANE]))[LANE].delayed == 0

    async def test_scheduled_message_expires(self, harness: QueueHarness) -> None:
        due_at, expires_at = harness.now() + 9 * harness.moment, harness.now() + harness.moment
        await harness.queue.send(message("m", due_at=due_at, expires_at=expires_at))
        await harness.pass_time(2 * harness.moment)

        assert await harness.left() == []
        assert await harness.changes("m") == [Change.SCHEDULED, Change.EXPIRED]

    async def test_expired_message_can_not_be_cancelled(self, harness: QueueHarness) -> None:
        await harness.queue.send(message("m", expires_at=harness.now() - harness.moment))
        await harness.queue.receive([LANE], limit=1, wait=AT_ONCE)

        assert await harness.queue.cancel("m") == ControlOutcome.REFUSED
