"""How records are listed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from notification_contracts.states import Status
from notification_ledger.reading import MAX_PAGE, InvalidCursor, RecordQuery
from notification_ledger.status_update import StatusUpdate

from testkit.ledger.harness import DELIVERY, LedgerHarness

SECOND = timedelta(seconds=1)


class FindingContract:
    """Pages, filters, cursors."""

    async def all_of(self, harness: LedgerHarness, query: RecordQuery) -> Sequence[str]:
        """Return the trace ids on all pages."""
        found: list[str] = []
        while True:
            page = await harness.ledger.find(query)
            found += [record.trace_id for record in page.items]
            if page.next_cursor is None:
                return found
            query = replace(query, cursor=page.next_cursor)

    async def test_nothing_is_found_in_an_empty_ledger(self, harness: LedgerHarness) -> None:
        page = await harness.ledger.find(RecordQuery())

        assert (page.items, page.next_cursor) == ((), None)

    async def test_newest_come_first(self, harness: LedgerHarness) -> None:
        sent = [await harness.send() for _ in range(5)]

        assert await self.all_of(harness, RecordQuery()) == sent[::-1]

    async def test_items_are_whole_records(self, harness: LedgerHarness) -> None:
        trace_id = await harness.fail("unknown_user")

        page = await harness.ledger.find(RecordQuery())

        assert page.items == (await harness.record(trace_id),)

    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
    async def test_pages_hold_all_and_none_twice(self, harness: LedgerHarness, limit: int) -> None:
        sent = [await harness.send() for _ in range(3)]
        await (await harness.forward()).ack()
        sent += [await harness.fail("poison"), *[await harness.send() for _ in range(3)]]

        assert await self.all_of(harness, RecordQuery(limit=limit)) == sent[::-1]

    async def test_last_page_has_no_cursor(self, harness: LedgerHarness) -> None:
        for _ in range(3):
            await harness.send()

        first = await harness.ledger.find(RecordQuery(limit=2))
        whole = await harness.ledger.find(RecordQuery(limit=3))

        assert (len(first.items), len(whole.items)) == (2, 3)
        assert first.next_cursor is not None
        assert whole.next_cursor is None

    async def test_what_arrives_meanwhile_does_not_shift_pages(
        self, harness: LedgerHarness
    ) -> None:
        old, new = await harness.send(), await harness.send()
        first = await harness.ledger.find(RecordQuery(limit=1))
        await harness.send()

        second = await harness.ledger.find(RecordQuery(limit=1, cursor=first.next_cursor))

        assert [record.trace_id for record in first.items] == [new]
        assert [record.trace_id for record in second.items] == [old]

    async def test_status_filter_follows_the_status(self, harness: LedgerHarness) -> None:
        trace_id = await harness.send()
        await (await harness.forward()).ack()

        assert await self.all_of(harness, RecordQuery(status=Status.SENT)) == [trace_id]
        assert await self.all_of(harness, RecordQuery(status=Status.QUEUED)) == []

    @pytest.mark.parametrize("user_id", ["u:1", "{an:0}:x:queued", "ü / ?%2f..", "*", " "])
    async def test_user_filter_takes_ids_as_they_are(
        self, harness: LedgerHarness, user_id: str
    ) -> None:
        trace_id = await harness.send(user_id=user_id)
        await harness.send(user_id="another")

        assert await self.all_of(harness, RecordQuery(user_id=user_id)) == [trace_id]

    async def test_unknown_user_has_no_records(self, harness: LedgerHarness) -> None:
        await harness.send()

        assert await self.all_of(harness, RecordQuery(user_id="nobody")) == []

    async def test_channel_filter(self, harness: LedgerHarness) -> None:
        trace_id = await harness.send(channel="sms")
        await harness.send(channel="push")
        await harness.send()

        assert await self.all_of(harness, RecordQuery(channel="sms")) == [trace_id]

    @pytest.mark.parametrize("tag", ["team:a", "x:queued", "v1.2_x-y", "1"])
    async def test_tag_filter_finds_those_that_have_it_among_theirs(
        self, harness: LedgerHarness, tag: str
    ) -> None:
        one = await harness.send(tags=(tag,))
        await harness.send(tags=(f"{tag}0",))
        await harness.send()
        several = await harness.send(tags=("other", tag, "last"), reference="r")

        assert await self.all_of(harness, RecordQuery(tag=tag)) == [several, one]
        assert await self.all_of(harness, RecordQuery(tag="last")) == [several]
        assert await self.all_of(harness, RecordQuery(tag="none")) == []
        record = await harness.record(several)
        assert (record.tags, record.reference) == (("other", tag, "last"), "r")

    @pytest.mark.parametrize("reference", ["order 7 / ü", "{an:0}:x:queued", "*", " ", "r" * 255])
    async def test_reference_filter_takes_it_as_it_is(
        self, harness: LedgerHarness, reference: str
    ) -> None:
        first, second = [await harness.send(reference=reference) for _ in range(2)]
        await harness.send(reference="another")
        await harness.send()

        assert await self.all_of(harness, RecordQuery(reference=reference)) == [second, first]

    async def test_tags_and_reference_stay_as_it_goes_on(self, harness: LedgerHarness) -> None:
        trace_id = await harness.send(tags=("a", "b"), reference="r")
        await (await harness.forward()).ack()

        query = RecordQuery(tag="b", reference="r", status=Status.SENT)

        assert await self.all_of(harness, query) == [trace_id]

    async def test_tags_of_what_was_pushed_by_hand_are_told_later(
        self, harness: LedgerHarness
    ) -> None:
        trace_id = await harness.send(user_id=None)
        said = StatusUpdate(status=Status.VALIDATED, user_id="u", tags=("a",), reference="r")
        await (await harness.receive()).forward(DELIVERY, said.encode())

        assert await self.all_of(harness, RecordQuery(tag="a")) == [trace_id]
        assert await self.all_of(harness, RecordQuery(reference="r", user_id="u")) == [trace_id]

    async def test_what_was_forgotten_is_found_by_no_tag(self, harness: LedgerHarness) -> None:
        await harness.send(tags=("a",), reference="r")
        await (await harness.forward()).ack()
        await harness.ledger.forget(harness.now() + 3600 * SECOND, limit=10)

        assert await self.all_of(harness, RecordQuery(tag="a")) == []
        assert await self.all_of(harness, RecordQuery(reference="r")) == []

    async def test_all_filters_must_hold(self, harness: LedgerHarness) -> None:
        wanted = await harness.send(user_id="a", channel="sms")
        await harness.send(user_id="a", channel="push")
        await harness.send(user_id="b", channel="sms")
        await harness.send(user_id="a", channel="sms", send_at=harness.now() + 60 * SECOND)

        query = RecordQuery(user_id="a", channel="sms", status=Status.QUEUED)

        assert await self.all_of(harness, query) == [wanted]

    async def test_status_filter_fits_the_few_of_a_user_with_many(
        self, harness: LedgerHarness
    ) -> None:
        sent = [await harness.send(user_id="busy") for _ in range(5)]
        await (await harness.forward()).ack()

        query = RecordQuery(user_id="busy", status=Status.SENT)

        assert await self.all_of(harness, query) == [sent[0]]

    async def test_dead_letters_are_those_neither_replayed_nor_deleted(
        self, harness: LedgerHarness
    ) -> None:
        kept, replayed, deleted = [await harness.fail("poison") for _ in range(3)]
        await harness.queue.replay(replayed)
        await harness.queue.delete(deleted)

        assert await self.all_of(harness, RecordQuery(dead_letters=True)) == [kept]

    async def test_failed_ones_include_deleted_dead_letters(self, harness: LedgerHarness) -> None:
        kept, deleted = [await harness.fail("poison") for _ in range(2)]
        await harness.queue.delete(deleted)

        assert await self.all_of(harness, RecordQuery(status=Status.FAILED)) == [deleted, kept]
        assert await self.all_of(harness, RecordQuery()) == [deleted, kept]

    async def test_dead_letters_are_filtered_by_reason_and_channel(
        self, harness: LedgerHarness
    ) -> None:
        wanted = await harness.fail("poison", channel="sms")
        await harness.fail("poison", channel="email")
        await harness.fail("unknown_user", channel="sms")

        query = RecordQuery(dead_letters=True, reason="poison", channel="sms")

        assert await self.all_of(harness, query) == [wanted]

    async def test_times_bound_when_it_was_given_up(self, harness: LedgerHarness) -> None:
        early = await harness.fail("poison")
        trace_id = await harness.send()
        await harness.skip(10 * SECOND)
        await (await harness.receive()).dead_letter("poison", b"")
        died = (await harness.record(trace_id)).updated_at
        await harness.skip(10 * SECOND)
        late = await harness.fail("poison")

        dead = RecordQuery(dead_letters=True)

        assert await self.all_of(harness, replace(dead, since=died)) == [late, trace_id]
        assert await self.all_of(harness, replace(dead, until=died)) == [early]
        assert await self.all_of(harness, replace(dead, until=died + SECOND)) == [trace_id, early]
        assert await self.all_of(harness, replace(dead, since=died, until=died + SECOND)) == [
            trace_id
        ]

    async def test_filters_hold_across_pages(self, harness: LedgerHarness) -> None:
        failed = []
        for _ in range(4):
            failed.append(await harness.fail("poison"))
            await harness.fail("unknown_user")

        query = RecordQuery(dead_letters=True, reason="poison", limit=1)

        assert await self.all_of(harness, query) == failed[::-1]

    @pytest.mark.parametrize(
        "cursor",
        ["!", "x", "AAAA", "MTIzNDU", "MTotMQ==", "ü", "\ud800", "MTIz:abc", " " * 9, "M" * 999],
    )
    async def test_foreign_cursor_is_refused(self, harness: LedgerHarness, cursor: str) -> None:
        await harness.send()

        with pytest.raises(InvalidCursor):
            await harness.ledger.find(RecordQuery(cursor=cursor))

    @pytest.mark.parametrize("limit", [0, -1, MAX_PAGE + 1])
    def test_page_has_a_size(self, limit: int) -> None:
        with pytest.raises(ValueError, match="limit"):
            RecordQuery(limit=limit)
