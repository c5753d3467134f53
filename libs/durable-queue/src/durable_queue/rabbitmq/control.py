"""The operator's side: cancel, replay, delete."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from aio_pika.abc import AbstractConnection
from service_kit.epoch import whole_ms
from service_kit.failpoints import afailpoint
from service_kit.logs import get_logger

from durable_queue.claims.operations import Reservation
from durable_queue.claims.store import State
from durable_queue.port import Change, ControlOutcome, QueueError, QueueUnavailable
from durable_queue.rabbitmq.connection import Connection
from durable_queue.rabbitmq.dead_letter_browser import (
    BrowsedElsewhere,
    DeadLetter,
    DeadLetterBrowser,
)
from durable_queue.rabbitmq.envelope import Envelope
from durable_queue.rabbitmq.errors import as_queue_errors
from durable_queue.rabbitmq.options import RabbitOptions
from durable_queue.rabbitmq.publisher import Publisher
from durable_queue.rabbitmq.reconciliation import reconcile
from durable_queue.rabbitmq.routing import MessageRouter, publish_and_record

log = get_logger(__name__)

_IDLE_S: Final = 2.0
_FIND_TIMEOUT_S: Final = 10.0
_LOOK_AGAIN_S: Final = 0.2
_ONCE_MORE_S: Final = 1.0


class _BrowserSession:
    def __init__(
        self,
        connection: AbstractConnection,
        broken: Callable[[str], None],
        publisher: Publisher,
        capacity: int,
    ) -> None:
        self._connection = connection
        self._broken = broken
        self._publisher = publisher
        self._capacity = capacity
        self._browser: DeadLetterBrowser | None = None
        self._opening = asyncio.Lock()
        self._clearing: asyncio.Task[None] | None = None

    async def check(self) -> None:
        """Do nothing: the next user notices."""

    async def browser(self) -> DeadLetterBrowser:
        """Return the browser, which is cleared when it was not used for a while."""
        async with self._opening:
            if self._browser is None:
                channel = await self._connection.channel(publisher_confirms=False)
                self._browser = DeadLetterBrowser(channel, self._publisher, self._capacity)
                self._clearing = asyncio.create_task(self._clear_when_idle(self._browser))
            self._browser.used_at = asyncio.get_running_loop().time()
            return self._browser

    async def clear(self) -> None:
        """Put everything back, for the next caller."""
        async with self._opening:
            browser, self._browser = self._browser, None
        if browser is None:
            return
        if self._clearing is not None and self._clearing is not asyncio.current_task():
            self._clearing.cancel()
        try:
            with as_queue_errors():
                await browser.clear()
        except QueueError:
            self._broken("the dead letters could not be put back")  # so that the broker does it

    async def stop(self) -> None:
        """Put everything back for good."""
        if self._clearing is not None:
            self._clearing.cancel()
            await asyncio.gather(self._clearing, return_exceptions=True)
        await self.clear()

    async def _clear_when_idle(self, browser: DeadLetterBrowser) -> None:
        loop = asyncio.get_running_loop()
        while self._browser is browser and (left := browser.used_at + _IDLE_S - loop.time()) > 0:  # noqa: ASYNC110 - it moves on
            await asyncio.sleep(left)
        if self._browser is browser:  # a later one has a task of its own
            await self.clear()


class RabbitControl:
    """Does what operators ask for, over a connection that is opened only then."""

    def __init__(self, url: str, options: RabbitOptions, router: MessageRouter) -> None:
        self._router = router
        self._capacity = options.dead_letters_at_once
        self._connection = Connection(url, options, role="operate", set_up=self._set_up)

    async def cancel(self, message_id: str) -> ControlOutcome:
        """See `MessageControl.cancel`."""
        router = self._router
        event = router.event(Change.CANCELLED, _about(message_id))
        return await router.claims.cancel(message_id, event)

    async def replay(self, message_id: str, delay: timedelta) -> ControlOutcome:
        """See `MessageControl.replay`."""
        router = self._router
        reservation = await router.claims.move(message_id)
        if not isinstance(reservation, Reservation):
            return reservation
        letter = await self._taken_out(message_id, reservation)
        if letter is None:
            await router.claims.settled(
                message_id, reservation.token, reservation.revision, State.DEAD
            )
            log.warning("rabbitmq.dead_letter_gone", message_id=message_id)
            return ControlOutcome.GONE
        now_ms = router.now_ms
        due = now_ms + whole_ms(delay) if delay > timedelta(0) else 0
        again = letter.envelope.replayed(due=due, since=now_ms)
        try:
            await publish_and_record(router, again, reservation, Change.REPLAYED)
        except BaseException:
            # What was read stays unacknowledged, and may be replayed again after its reservation.
            self._connection.reset("a replay failed")
            raise
        await afailpoint("replay.after_move")
        await letter.done()
        return ControlOutcome.DONE

    async def delete(self, message_id: str) -> ControlOutcome:
        """See `MessageControl.delete`."""
        router = self._router
        reservation = await router.claims.move(message_id)
        if not isinstance(reservation, Reservation):
            return reservation
        letter = await self._taken_out(message_id, reservation)
        about = (
            letter.envelope
            if letter
            else replace(_about(message_id), revision=reservation.revision)
        )
        event = router.event(Change.DELETED, about)
        await router.claims.settled(
            message_id, reservation.token, about.revision, State.ENDED, event=event
        )
        if letter is None:
            log.warning("rabbitmq.dead_letter_gone", message_id=message_id)
        else:
            await letter.done()
        return ControlOutcome.DONE

    async def audit(self) -> int:
        """Make claims and records agree with the dead letters; return how many were repaired.

        Nothing is done while another process looks through them. Raises `QueueUnavailable`.
        """
        with as_queue_errors():
            session = await self._connection.get()
            try:
                return await reconcile(self._router, await session.browser())
            except BrowsedElsewhere:
                await session.clear()
        return 0

    async def close(self) -> None:
        """Put back what the browser holds."""
        if self._connection.session is not None:
            await self._connection.session.stop()
        await self._connection.close()

    async def _taken_out(self, message_id: str, reservation: Reservation) -> DeadLetter | None:
        try:
            if letter := await self._find(message_id, reservation.revision):
                return letter
            # What another process held a moment ago may not be back yet.
            await asyncio.sleep(_ONCE_MORE_S)
            return await self._find(message_id, reservation.revision)
        except QueueUnavailable:
            settled = self._router.claims.settled
            await settled(message_id, reservation.token, reservation.revision, State.DEAD)
            raise

    async def _find(self, message_id: str, revision: int) -> DeadLetter | None:
        with as_queue_errors():
            session = await self._connection.get()
            try:
                async with asyncio.timeout(_FIND_TIMEOUT_S):
                    return await self._newest(session, message_id, revision)
            except TimeoutError as error:
                raise QueueUnavailable("the dead letter is behind many others") from error

    async def _newest(
        self, session: _BrowserSession, message_id: str, revision: int
    ) -> DeadLetter | None:
        while (letter := await self._look(session, message_id)) is not None:
            if letter.envelope.revision >= revision:
                return letter
            await letter.done()  # left behind when the message moved on
        return None

    async def _look(self, session: _BrowserSession, message_id: str) -> DeadLetter | None:
        while True:
            browser = await session.browser()
            try:
                return await browser.find(message_id)
            except BrowsedElsewhere:
                await session.clear()
                await asyncio.sleep(_LOOK_AGAIN_S)

    async def _set_up(
        self, connection: AbstractConnection, broken: Callable[[str], None]
    ) -> _BrowserSession:
        return _BrowserSession(connection, broken, self._router.publisher, self._capacity)


def _about(message_id: str) -> Envelope:
    return Envelope(id=message_id, lane="", body=b"")
