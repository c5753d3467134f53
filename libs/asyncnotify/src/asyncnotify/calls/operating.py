"""The operator's calls."""

from collections.abc import AsyncGenerator

from asyncnotify.calls.base import Calls, given, segment
from asyncnotify.models.operating import (
    Backlog,
    ChannelState,
    ChannelStates,
    Outbox,
    OutboxMessage,
    Pipeline,
    Providers,
    Readiness,
    Trials,
)


class OperatorCalls(Calls):
    """The calls about the system itself."""

    async def ready(self) -> Readiness:
        """Return whether each service is ready.

        Raises:
            UnexpectedAnswer: with status 503, while one is not.
        """
        return await self._get(Readiness, "/health/ready")

    async def pipeline(self) -> Pipeline:
        """Return how many notifications are in each stage, and how fast they leave it."""
        return await self._get(Pipeline, "/pipeline")

    async def backlog(self) -> Backlog:
        """Return how much waits: the figure by which dispatchers are added."""
        return await self._get(Backlog, "/metrics/backlog")

    async def channels(self) -> ChannelStates:
        """Return the channels, and which of them are paused."""
        return await self._get(ChannelStates, "/channels")

    async def pause_channel(self, channel: str) -> ChannelState:
        """Keep dispatchers from taking up anything on a channel, until it is resumed."""
        path = f"/channels/{segment('channel', channel)}/pause"
        return await self._ask(ChannelState, "POST", path, may_repeat=True)

    async def resume_channel(self, channel: str) -> ChannelState:
        """Let dispatchers go on with a channel."""
        path = f"/channels/{segment('channel', channel)}/resume"
        return await self._ask(ChannelState, "POST", path, may_repeat=True)

    async def outbox(self, /, **filters: object) -> Outbox:
        """Return one page of what reached nobody, newest first: channel, limit, cursor.

        Raises:
            NotFound: there are real providers only, and nothing keeps what they are given.
        """
        return await self._get(Outbox, "/outbox", filters)

    def iter_outbox(
        self, /, *, limit: int | None = None, **filters: object
    ) -> AsyncGenerator[OutboxMessage, None]:
        """Yield what reached nobody, newest first, at most `limit`."""
        return self._pages(Outbox, "/outbox", limit, filters)

    async def providers(self) -> Providers:
        """Return each channel's providers, and whether they are called."""
        return await self._get(Providers, "/providers")

    async def try_providers(self, channel: str, *, to: str | None = None) -> Trials:
        """Check each provider of a channel; with `to`, an address, send a test message by each."""
        path = f"/providers/{segment('channel', channel)}/test"
        return await self._ask(Trials, "POST", path, body=given({"to": to}))
