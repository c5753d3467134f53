"""How status changes are followed."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest
from notification_contracts.states import Status
from notification_ledger.reading import ChangesMissed, InvalidCursor, StatusChange
from notification_ledger.status_update import StatusUpdate

from testkit.ledger.harness import LedgerHarness

Changes = AsyncGenerator[StatusChange | ChangesMissed]


class FollowingContract:
    """From now on, from an id on, of all or of one."""

    async def next_of(self, changes: Changes) -> StatusChange:
        """Return the next change, which must come soon."""
        async with asyncio.timeout(60):
            change = await anext(changes)
        assert isinstance(change, StatusChange)
        return change

    async def test_change_tells_the_status_and_whose_it_is(self, harness: LedgerHarness) -> None:
        start = await harness.ledger.latest_change()
        trace_id = await harness.send(user_id="user_test", channel="sms")
        record = await harness.record(trace_id)

        async with aclosing(harness.ledger.changes(start)) as changes:
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

    async def test_changes_come_in_their_order(self, harness: LedgerHarness) -> None:
        start = await harness.ledger.latest_change()
        await harness.send()
        note = StatusUpdate(status=Status.FAILED, reason="no_address").encode()
        await (await harness.forward()).dead_letter("no address", note)

        async with aclosing(harness.ledger.changes(start)) as changes:
            told = [await self.next_of(changes) for _ in range(3)]

        assert [(change.status, change.reason) for change in told] == [
            (Status.QUEUED, None),
            (Status.VALIDATED, None),
            (Status.FAILED, "no_address"),
        ]

    async def test_each_id_is_one_to_go_on_from(self, harness: LedgerHarness) -> None:
        start = await harness.ledger.latest_change()
        first, second, third = [await harness.send() for _ in range(3)]
        async with aclosing(harness.ledger.changes(start)) as changes:
            seen = await self.next_of(changes)

        async with aclosing(harness.ledger.changes(seen.id)) as changes:
            told = [await self.next_of(changes) for _ in range(2)]

        assert [change.trace_id for change in (seen, *told)] == [first, second, third]

    async def test_without_an_id_it_begins_now(self, harness: LedgerHarness) -> None:
        await harness.send()
        later: list[str] = []
        async with aclosing(harness.ledger.changes()) as changes:
            following = asyncio.create_task(self.next_of(changes))
            # What is sent before it has begun is not followed, and when that is cannot be seen.
            while not following.done():
                later.append(await harness.send())
                await asyncio.wait([following], timeout=0.1)

            change = await following

        assert change.trace_id in later

    async def test_live_changes_follow_those_that_were_kept(self, harness: LedgerHarness) -> None:
        start = await harness.ledger.latest_change()
        first = await harness.send()
        async with aclosing(harness.ledger.changes(start)) as changes:
            kept = await self.next_of(changes)
            second = await harness.send()
            live = await self.next_of(changes)

        assert [kept.trace_id, live.trace_id] == [first, second]

    async def test_nothing_is_missed_or_doubled_while_much_happens(
        self, harness: LedgerHarness
    ) -> None:
        start = await harness.ledger.latest_change()
        async with aclosing(harness.ledger.changes(start)) as changes:
            sending = asyncio.gather(*(harness.send() for _ in range(300)))
            told = [(await self.next_of(changes)).trace_id for _ in range(300)]

        assert sorted(told) == sorted(await sending)

    async def test_one_notification_can_be_followed(self, harness: LedgerHarness) -> None:
        start = await harness.ledger.latest_change()
        trace_id = await harness.send()
        await harness.send()
        await (await harness.receive()).ack()

        async with aclosing(harness.ledger.changes(start, trace_id=trace_id)) as changes:
            told = [await self.next_of(changes) for _ in range(2)]

        assert [(change.trace_id, change.status) for change in told] == [
            (trace_id, Status.QUEUED),
            (trace_id, Status.SENT),
        ]

    async def test_several_followers_are_told_the_same(self, harness: LedgerHarness) -> None:
        start = await harness.ledger.latest_change()
        async with (
            aclosing(harness.ledger.changes(start)) as one,
            aclosing(harness.ledger.changes(start)) as another,
        ):
            following = asyncio.gather(self.next_of(one), self.next_of(another))
            await harness.send()

            first, second = await following

        assert first == second

    async def test_follower_who_leaves_does_not_disturb_the_others(
        self, harness: LedgerHarness
    ) -> None:
        start = await harness.ledger.latest_change()
        await harness.send()
        async with aclosing(harness.ledger.changes(start)) as staying:
            await self.next_of(staying)
            async with aclosing(harness.ledger.changes(start)) as leaving:
                await self.next_of(leaving)
            trace_id = await harness.send()

            assert (await self.next_of(staying)).trace_id == trace_id

    async def test_id_of_a_future_time_is_reported_as_a_gap(self, harness: LedgerHarness) -> None:
        async with aclosing(harness.ledger.changes(f"{2**63}-0")) as changes:
            async with asyncio.timeout(60):
                assert await anext(changes) == ChangesMissed()
            trace_id = await harness.send()

            assert (await self.next_of(changes)).trace_id == trace_id

    async def test_from_the_very_beginning_nothing_is_missed(self, harness: LedgerHarness) -> None:
        trace_id = await harness.send()

        async with aclosing(harness.ledger.changes("0-0")) as changes:
            assert (await self.next_of(changes)).trace_id == trace_id

    @pytest.mark.parametrize(
        "after", ["", "0", "$", "1-", "-1", "1-1-1", "x-0", f"{2**64}-0", "\u0661-0"]
    )
    async def test_what_is_no_id_is_refused(self, harness: LedgerHarness, after: str) -> None:
        with pytest.raises(InvalidCursor):
            await anext(harness.ledger.changes(after))
