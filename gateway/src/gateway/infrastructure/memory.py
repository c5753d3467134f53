"""The in-memory twin of a service behind the gateway."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from gateway.application.ports import (
    Answer,
    AnswerStream,
    Call,
    UpstreamBroken,
    UpstreamDown,
    UpstreamSilent,
)

Script = Callable[[Call], Answer]


def _empty_answer(_: Call) -> Answer:
    return Answer(status=200, headers={"content-type": "application/json"}, body=b"{}")


class MemoryUpstream:
    """Answers by a script and keeps every call in order. It can be told to be down or silent.

    A stream hands over `events`, then ends; with `stays_open` it goes on until its reader leaves.
    """

    def __init__(
        self,
        script: Script = _empty_answer,
        *,
        events: Sequence[bytes] = (),
        stays_open: bool = False,
    ) -> None:
        self.script = script
        self.events = events
        self.stays_open = stays_open
        self.calls: list[Call] = []
        self.open_streams = 0
        self.is_down = False
        self.is_silent = False
        self.breaks_streams = False

    async def ask(self, call: Call) -> Answer:
        self._take(call)
        return self.script(call)

    @asynccontextmanager
    async def listen(self, call: Call) -> AsyncIterator[AnswerStream]:
        self._take(call)
        self.open_streams += 1
        try:
            answer = self.script(call)
            chunks = self._stream() if answer.status == 200 else _chunks_of(answer)
            yield AnswerStream(status=answer.status, headers=answer.headers, chunks=chunks)
        finally:
            self.open_streams -= 1

    async def check(self) -> None:
        self._fail_as_told()

    def _take(self, call: Call) -> None:
        self.calls.append(call)
        self._fail_as_told()

    def _fail_as_told(self) -> None:
        if self.is_down:
            raise UpstreamDown("told to be down")
        if self.is_silent:
            raise UpstreamSilent("told to be silent")

    async def _stream(self) -> AsyncIterator[bytes]:
        for event in self.events:
            yield event
        if self.breaks_streams:
            raise UpstreamBroken("told to break off")
        if self.stays_open:
            await asyncio.Event().wait()


async def _chunks_of(answer: Answer) -> AsyncIterator[bytes]:
    yield answer.body
