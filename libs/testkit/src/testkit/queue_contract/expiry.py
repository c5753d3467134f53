"""Expiry: too late is settled as such, never sent."""

import pytest
from durable_queue.port import Change, ControlOutcome, MessageExpired

from testkit.queue_contract.rig import AT_ONCE, LANE, QueueRig, message


class ExpiryContract:
    """What holds for messages with `expires_at`."""

    async def test_expired_message_is_not_given_out(self, rig: QueueRig) -> None:
        await rig.queue.send(message("m", expires_at=rig.now() + rig.moment))
        await rig.send("other")
        await rig.advance(2 * rig.moment)

        assert await rig.left() == ["other"]
        assert await rig.changes("m") == [Change.ENQUEUED, Change.EXPIRED]

    async def test_delivery_says_when_it_expires(self, rig: QueueRig) -> None:
        expires_at = (rig.now() + rig.lease).replace(microsecond=123_000)
        await rig.queue.send(message("m", expires_at=expires_at))

        assert (await rig.take()).expires_at == expires_at

    async def test_start_is_refused_when_it_is_too_late(self, rig: QueueRig) -> None:
        await rig.queue.send(message("m", expires_at=rig.now() + rig.moment))
        delivery = await rig.take()
        await rig.advance(2 * rig.moment)

        with pytest.raises(MessageExpired):
            await delivery.start()

        assert await rig.changes("m") == [Change.ENQUEUED, Change.EXPIRED]
        with pytest.raises(MessageExpired):
            await delivery.start()
        await rig.pass_time(2 * rig.lease)
        assert await rig.left() == []

    async def test_start_in_time_counts_even_if_it_expires_then(self, rig: QueueRig) -> None:
        await rig.queue.send(message("m", expires_at=rig.now() + rig.moment))
        delivery = await rig.take()
        await delivery.start()
        await rig.advance(2 * rig.moment)
        await delivery.ack()

        assert (await rig.changes("m"))[-1] == Change.DONE

    async def test_every_start_is_refused_when_it_is_too_late(self, rig: QueueRig) -> None:
        await rig.queue.send(message("m", expires_at=rig.now() + rig.moment))
        delivery = await rig.take()
        await delivery.start()
        await delivery.start()
        await rig.advance(2 * rig.moment)

        for _ in range(2):
            with pytest.raises(MessageExpired):
                await delivery.start()
        assert await rig.changes("m") == [Change.ENQUEUED, Change.STARTED, Change.EXPIRED]
        await rig.pass_time(2 * rig.lease)
        assert await rig.left() == []

    async def test_delayed_message_expires_without_waiting_until_it_is_due(
        self, rig: QueueRig
    ) -> None:
        await rig.queue.send(message("m", expires_at=rig.now() + rig.moment))
        await (await rig.take()).retry(100 * rig.moment)
        await rig.pass_time(2 * rig.moment)

        assert (await rig.changes("m"))[-1] == Change.EXPIRED
        assert (await rig.queue.depths([LANE]))[LANE].delayed == 0

    async def test_scheduled_message_expires(self, rig: QueueRig) -> None:
        due_at, expires_at = rig.now() + 9 * rig.moment, rig.now() + rig.moment
        await rig.queue.send(message("m", due_at=due_at, expires_at=expires_at))
        await rig.pass_time(2 * rig.moment)

        assert await rig.left() == []
        assert await rig.changes("m") == [Change.SCHEDULED, Change.EXPIRED]

    async def test_expired_message_can_not_be_cancelled(self, rig: QueueRig) -> None:
        await rig.queue.send(message("m", expires_at=rig.now() - rig.moment))
        await rig.queue.receive([LANE], limit=1, wait=AT_ONCE)

        assert await rig.queue.cancel("m") == ControlOutcome.REFUSED
