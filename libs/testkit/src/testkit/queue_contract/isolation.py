"""Workers that fall silent with many messages: the one that is to blame takes no others along."""

from durable_queue.messages import SUSPECT_AFTER
from durable_queue.port import Change

from testkit.queue_contract.harness import (
    AT_ONCE,
    LANE,
    MAX_DELIVERIES,
    OTHER_LANE,
    QueueHarness,
)


async def die_in_company(harness: QueueHarness) -> None:
    """Take all that there is, and fall silent, as often as it takes to make all suspect."""
    for _ in range(SUSPECT_AFTER):
        await harness.left()
        await harness.pass_time(harness.lease + harness.moment)


class IsolationContract:
    """What holds for messages that the same worker held when it fell silent."""

    async def test_suspect_comes_alone(self, harness: QueueHarness) -> None:
        await harness.send("m1", "m2", "m3")
        await harness.send("m4", lane=OTHER_LANE)
        await die_in_company(harness)
        await harness.send("new1", "new2")

        found = set()
        for _ in range(4):
            [delivery] = await harness.queue.receive([LANE, OTHER_LANE], limit=32, wait=AT_ONCE)
            assert delivery.is_suspect
            found.add(delivery.id)

        assert found == {"m1", "m2", "m3", "m4"}
        rest = await harness.queue.receive([LANE, OTHER_LANE], limit=32, wait=AT_ONCE)
        assert [(each.id, each.is_suspect) for each in rest] == [("new1", False), ("new2", False)]

    async def test_only_the_poison_is_dead_lettered(self, harness: QueueHarness) -> None:
        names = [f"m{number}" for number in range(10)]
        await harness.send(*names)

        for _ in range(len(names) + MAX_DELIVERIES):
            found = await harness.queue.receive([LANE], limit=32, wait=AT_ONCE)
            if any(delivery.id == "m4" for delivery in found):  # it kills whoever has it
                await harness.pass_time(harness.lease + harness.moment)
                continue
            for delivery in found:
                await delivery.ack()

        assert await harness.left() == []
        ends = {name: (await harness.changes(name))[-1] for name in names}
        assert ends == {**dict.fromkeys(names, Change.DONE), "m4": Change.POISONED}

    async def test_one_that_was_cleared_comes_in_company_again(self, harness: QueueHarness) -> None:
        await harness.send("m1", "m2")
        await die_in_company(harness)
        for _ in range(2):
            delivery = await harness.take()
            assert delivery.is_suspect
            await delivery.retry(AT_ONCE)

        found = await harness.queue.receive([LANE], limit=32, wait=AT_ONCE)
        assert [each.is_suspect for each in found] == [False, False]

    async def test_giving_back_counts_for_nothing(self, harness: QueueHarness) -> None:
        await harness.send("m1", "m2")
        for _ in range(2 * MAX_DELIVERIES):
            delivery = await harness.take()
            assert (delivery.id, delivery.is_suspect) == ("m1", False)
            await delivery.give_back()

        assert await harness.left() == ["m1", "m2"]
        assert await harness.changes("m1") == [Change.ENQUEUED]
