"""How far a message's workers came: what one of them says, the next one finds."""

import pytest
from durable_queue.port import ControlOutcome

from testkit.queue_contract.harness import AT_ONCE, OTHER_LANE, QueueHarness, message


class ProgressContract:
    """What holds of the words that workers leave for those who come after them."""

    async def test_nothing_was_said_of_a_new_message(self, harness: QueueHarness) -> None:
        await harness.send("m")

        assert (await harness.take()).progress == ""

    @pytest.mark.parametrize("verdict", ["retry", "defer"])
    async def test_a_verdict_leaves_words_for_the_next_worker(
        self, harness: QueueHarness, verdict: str
    ) -> None:
        await harness.queue.send(message("m", max_attempts=9))
        delivery = await harness.take()
        await delivery.start()
        settle = delivery.retry if verdict == "retry" else delivery.defer
        await settle(AT_ONCE, progress='{"á":"taken"}')

        assert (await harness.take()).progress == '{"á":"taken"}'

    async def test_a_delay_keeps_them(self, harness: QueueHarness) -> None:
        await harness.queue.send(message("m", max_attempts=9))
        delivery = await harness.take()
        await delivery.retry(2 * harness.moment, progress="far")
        await harness.pass_time(3 * harness.moment)

        assert (await harness.take()).progress == "far"

    async def test_words_of_a_start_outlive_its_worker(self, harness: QueueHarness) -> None:
        await harness.send("m")
        delivery = await harness.take()
        await delivery.start(progress="began")
        await delivery.start(progress="began again")
        await harness.lose_lease(delivery)
        again = await harness.take()

        assert again.progress == "began again"
        await harness.lose_lease(again)
        assert (await harness.take()).progress == "began again"

    async def test_a_verdict_without_words_leaves_those_of_the_start(
        self, harness: QueueHarness
    ) -> None:
        await harness.queue.send(message("m", max_attempts=9))
        delivery = await harness.take()
        await delivery.start(progress="began")
        await delivery.retry(AT_ONCE)
        again = await harness.take()
        await again.start()
        await again.defer(AT_ONCE)
        await (await harness.take()).forward(OTHER_LANE)

        assert (await harness.take(OTHER_LANE)).progress == "began"

    async def test_a_verdict_replaces_words_of_the_start(self, harness: QueueHarness) -> None:
        await harness.queue.send(message("m", max_attempts=9))
        delivery = await harness.take()
        await delivery.start(progress="began")
        await delivery.retry(AT_ONCE, progress="")

        assert (await harness.take()).progress == ""

    async def test_a_replay_begins_without_them(self, harness: QueueHarness) -> None:
        await harness.queue.send(message("m", max_attempts=9))
        await (await harness.take()).retry(AT_ONCE, progress="far")
        delivery = await harness.take()
        await delivery.start(progress="farther")
        await delivery.dead_letter("refused")

        assert await harness.queue.replay("m") == ControlOutcome.DONE
        assert (await harness.take()).progress == ""
