"""How status changes are followed."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest
from notification_contracts.states import Status
from notification_ledger.notes import StatusNote
from notification_ledger.port import InvalidCursor
from notification_ledger.record import ChangesMissed, StatusChange

from testkit.ledger.world import LedgerWorld

Changes = AsyncGenerator[StatusChange | ChangesMissed]


class FollowingContract:
    """From now on, from an id on, of all or of one."""

    async def next_of(self, changes: Changes) -> StatusChange:
        """Return the next change, which must come soon."""
        async with asyncio.timeout(60):
            change = await anext(changes)
        assert isinstance(change, StatusChange)
        return change

    async def test_change_tells_the_status_and_whose_it_is(self, world: LedgerWorld) -> None:
        start = await world.ledger.latest_change()
        trace_id = await world.send(user_id="user_test", channel="sms")
        record = await world.record(trace_id)

        async with aclosing(world.ledger.changes(start)) as changes:
            change = await self.next_of(changes)

        assert change == StatusChange(
            id=change.id,
            trace_id=trace_id,
            user_id="user_test",
            channel="sms",
            status=Status.QUEUED,
            reason=None,
            at=record.updated_at,
        )

    async def test_changes_come_in_their_order(self, world: LedgerWorld) -> None:
        start = await world.ledger.latest_change()
        await world.send()
        note = StatusNote(status=Status.FAILED, reason="no_address").encode()
        await (await world.forward()).dead_letter("no address", note)

        async with aclosing(world.ledger.changes(start)) as changes:
            told = [await self.next_of(changes) for _ in range(3)]

        assert [(change.status, change.reason) for change in told] == [
            (Status.QUEUED, None),
            (Status.VALIDATED, None),
            (Status.FAILED, "no_address"),
        ]

    async def test_each_id_is_one_to_go_on_from(self, world: LedgerWorld) -> None:
        start = await world.ledger.latest_change()
        first, second, third = [await world.send() for _ in range(3)]
        async with aclosing(world.ledger.changes(start)) as changes:
            seen = await self.next_of(changes)

        async with aclosing(world.ledger.changes(seen.id)) as changes:
            told = [await self.next_of(changes) for _ in range(2)]

        assert [change.trace_id for change in (seen, *told)] == [first, second, third]

    async def test_without_an_id_it_begins_now(self, world: LedgerWorld) -> None:
        await world.send()
        async with aclosing(world.ledger.changes()) as changes:
            following = asyncio.create_task(self.next_of(changes))
            await asyncio.sleep(0.1)
            trace_id = await world.send()

            change = await following

        assert change.trace_id == trace_id

    async def test_live_changes_follow_those_that_were_kept(self, world: LedgerWorld) -> None:
        start = await world.ledger.latest_change()
        first = await world.send()
        async with aclosing(world.ledger.changes(start)) as changes:
            kept = await self.next_of(changes)
            second = await world.send()
            live = await self.next_of(changes)

        assert [kept.trace_id, live.trace_id] == [first, second]

    async def test_nothing_is_missed_or_doubled_while_much_happens(
        self, world: LedgerWorld
    ) -> None:
        start = await world.ledger.latest_change()
        async with aclosing(world.ledger.changes(start)) as changes:
            sending = asyncio.gather(*(world.send() for _ in range(300)))
            told = [(await self.next_of(changes)).trace_id for _ in range(300)]

        assert sorted(told) == sorted(await sending)

    async def test_one_notification_can_be_followed(self, world: LedgerWorld) -> None:
        start = await world.ledger.latest_change()
        trace_id = await world.send()
        await world.send()
        await (await world.receive()).ack()

        async with aclosing(world.ledger.changes(start, trace_id=trace_id)) as changes:
            told = [await self.next_of(changes) for _ in range(2)]

        assert [(change.trace_id, change.status) for change in told] == [
            (trace_id, Status.QUEUED),
            (trace_id, Status.SENT),
        ]

    async def test_several_followers_are_told_the_same(self, world: LedgerWorld) -> None:
        start = await world.ledger.latest_change()
        async with (
            aclosing(world.ledger.changes(start)) as one,
            aclosing(world.ledger.changes(start)) as another,
        ):
            following = asyncio.gather(self.next_of(one), self.next_of(another))
            await world.send()

            first, second = await following

        assert first == second

    async def test_follower_who_leaves_does_not_disturb_the_others(
        self, world: LedgerWorld
    ) -> None:
        start = await world.ledger.latest_change()
        await world.send()
        async with aclosing(world.ledger.changes(start)) as staying:
            await self.next_of(staying)
            async with aclosing(world.ledger.changes(start)) as leaving:
                await self.next_of(leaving)
            trace_id = await world.send()

            assert (await self.next_of(staying)).trace_id == trace_id

    async def test_id_of_a_time_to_come_is_told_as_a_gap(self, world: LedgerWorld) -> None:
        async with aclosing(world.ledger.changes(f"{2**63}-0")) as changes:
            async with asyncio.timeout(60):
                assert await anext(changes) == ChangesMissed()
            trace_id = await world.send()

            assert (await self.next_of(changes)).trace_id == trace_id

    async def test_from_the_very_beginning_nothing_is_missed(self, world: LedgerWorld) -> None:
        trace_id = await world.send()

        async with aclosing(world.ledger.changes("0-0")) as changes:
            assert (await self.next_of(changes)).trace_id == trace_id

    @pytest.mark.parametrize(
        "after", ["", "0", "$", "1-", "-1", "1-1-1", "x-0", f"{2**64}-0", "\u0661-0"]
    )
    async def test_what_is_no_id_is_refused(self, world: LedgerWorld, after: str) -> None:
        with pytest.raises(InvalidCursor):
            await anext(world.ledger.changes(after))
