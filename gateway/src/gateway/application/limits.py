"""Clients' limits: each gateway draws a little ahead of its need from what all of them share.

A call takes what was drawn before, in memory. One task asks the store, for all clients at once,
every `DRAW_EVERY` at most; it is sooner only if a call waits, for which nothing was left in hand.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from math import ceil, inf
from time import monotonic
from typing import Final, Protocol

from gateway.application.ports import StoreUnavailable
from gateway.domain.limits import Draw, Drawn, Policy

ALLOWANCES: Final = "allowances"
"""The name under which a request's state has what it counts for, once it counts for something."""

DRAW_EVERY: Final = timedelta(milliseconds=100)
AHEAD_SECONDS: Final = 0.4
"""For how long what is drawn lasts, at the pace of the time before."""
MOST_AHEAD: Final = 4
"""No gateway holds more than a quarter of what comes back in a policy's window."""
IDLE_SECONDS: Final = 2.0
"""After this time what nobody took is given back."""
ASK_AGAIN_SECONDS: Final = 1.0
"""How often the store is asked for a client who is refused: another gateway may have given back."""
STORE_WAIT: Final = timedelta(seconds=1)
"""A store that takes longer than this is as good as down."""
FORGET_EVERY_SECONDS: Final = 3600.0


class UsageStore(Protocol):
    """Keeps what clients have used up, for all gateways."""

    async def draw(self, draws: Sequence[Draw]) -> Sequence[Drawn]:
        """Settle each draw, in this order; all gateways share what there is.

        Raises:
            StoreUnavailable: the store cannot be reached: none of it is settled.
        """
        ...

    async def forget(self) -> None:
        """Remove what says nothing any more. Raises `StoreUnavailable`."""
        ...


class LimitReached(Exception):
    """Raised when a client has used up what a policy gives; try again in `retry_in` seconds."""

    def __init__(self, allowance: "Allowance", retry_in: float) -> None:
        super().__init__(allowance.policy.name)
        self.allowance = allowance
        self.retry_in = retry_in


class Allowance:
    """What one client has in hand of one policy on this gateway, and what is left in the store."""

    __slots__ = (
        "_clock",
        "asking",
        "asks_again_at",
        "client",
        "drawn_at",
        "empty_until",
        "in_hand",
        "left",
        "policy",
        "taken",
        "used_at",
        "waiting",
    )

    def __init__(self, client: str, policy: Policy, clock: Callable[[], float]) -> None:
        self.client = client
        self.policy = policy
        self.in_hand = 0
        self.left = policy.quota
        self.taken = 0
        self.drawn_at = self.used_at = clock()
        self.empty_until = self.asks_again_at = 0.0
        self.waiting: list[tuple[int, asyncio.Future[None]]] = []
        self.asking: list[tuple[int, asyncio.Future[None]]] = []
        self._clock = clock

    @property
    def remaining(self) -> int:
        """How many there are, as far as is known here."""
        return self.in_hand + self.left

    @property
    def is_low(self) -> bool:
        """Whether less is in hand than is needed until the next draw, at the present pace."""
        return self.in_hand < self.pace * AHEAD_SECONDS / 2 and self._clock() >= self.asks_again_at

    @property
    def pace(self) -> float:
        """How many a second were taken since the last draw."""
        return self.taken / max(self._clock() - self.drawn_at, DRAW_EVERY.total_seconds())

    def next_draw(self) -> Draw:
        """Return what to ask the store for."""
        most = min(self.policy.quota, max(1, self.policy.in_window // MOST_AHEAD))
        ahead = min(most, max(ceil(self.pace * AHEAD_SECONDS), most // MOST_AHEAD))
        # Who comes while the store is asked waits for the next draw.
        self.asking, self.waiting = self.asking + self.waiting, []
        wanted = ahead + sum(count for count, _ in self.asking) - self.in_hand
        is_idle = not self.asking and self._clock() - self.used_at > IDLE_SECONDS
        if is_idle:
            returned, self.in_hand = self.in_hand, 0
            return Draw(client=self.client, policy=self.policy, wanted=0, returned=returned)
        return Draw(client=self.client, policy=self.policy, wanted=max(0, wanted))

    def take_over(self, drawn: Drawn) -> None:
        """Add what was drawn, and let those go on who wait for it."""
        now = self._clock()
        self.in_hand += drawn.granted
        self.left, self.taken, self.drawn_at = drawn.left, 0, now
        asking, self.asking = self.asking, []
        for count, future in asking:
            if future.done():
                continue
            if count <= self.in_hand:
                self.in_hand -= count
                self.taken += count
                future.set_result(None)
                continue
            # Whoever wants one waits for the next one; of many, for as long as it takes.
            rate = self.policy.per_second
            more = (count - self.in_hand - 1) / rate if rate else 0
            retry_in = max(drawn.next_in, DRAW_EVERY.total_seconds()) + more
            if not self.in_hand:
                self.empty_until = now + drawn.next_in
                self.asks_again_at = now + min(drawn.next_in, ASK_AGAIN_SECONDS)
            future.set_exception(LimitReached(self, retry_in))


class Limiter:
    """Lets each client take what its policies give. `apart` counts while the `store` is away, for
    the reason `why_away`. Whoever calls `draw` does so when it is wanted, and due.

    What all gateways let through together is what a policy gives, and at most a quarter of its
    window more for each gateway: what was drawn may be taken `IDLE_SECONDS` later. As much and as
    long a gateway may refuse early, while another one has it in hand.
    """

    def __init__(
        self, store: UsageStore, apart: UsageStore, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._store = store
        self._apart = apart
        self._clock = clock
        self._allowances: dict[tuple[str, str], Allowance] = {}
        self._low: dict[tuple[str, str], Allowance] = {}
        self._is_wanted = asyncio.Event()
        self._is_waited_for = asyncio.Event()
        self.why_away: str | None = None
        self._forgot_at = clock()

    async def take(self, client: str, policy: Policy, count: int = 1) -> Allowance:
        """Take `count` for a client; at once, unless nothing is in hand here.

        Raises:
            LimitReached: there are not so many.
        """
        allowance = self._allowance(client, policy)
        now = self._clock()
        allowance.used_at = now
        if count <= allowance.in_hand and not allowance.waiting and not allowance.asking:
            allowance.in_hand -= count
            allowance.taken += count
            if allowance.is_low:
                self._want(allowance)
            return allowance
        if now < allowance.asks_again_at and not allowance.in_hand:
            raise LimitReached(allowance, allowance.empty_until - now)
        if count > policy.quota:
            raise LimitReached(allowance, policy.window)
        await self._wait(allowance, count)
        return allowance

    def give_back(self, allowance: Allowance, count: int) -> None:
        """Return what was taken for a call that came to nothing."""
        allowance.in_hand += count

    async def until_wanted(self) -> None:
        """Wait until the store is to be asked, or what lies idle to be given back."""
        with suppress(TimeoutError):
            async with asyncio.timeout(IDLE_SECONDS):
                await self._is_wanted.wait()
        self._note_idle()

    def wake(self) -> None:
        """End both waits at once."""
        self._is_wanted.set()
        self._is_waited_for.set()

    async def until_due(self) -> None:
        """Wait until the store may be asked once more: at once, if a call waits for it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAW_EVERY.total_seconds()):
                await self._is_waited_for.wait()

    async def give_back_all(self) -> None:
        """Give back what is in hand: this gateway stops."""
        for allowance in self._allowances.values():
            allowance.used_at = -inf
            self._want(allowance)
        await self.draw()

    async def draw(self) -> None:
        """Ask the store once, for all that is low or waited for, and with all that lies idle."""
        wanted, self._low = list(self._low.values()), {}
        self._is_wanted.clear()
        self._is_waited_for.clear()
        draws = [each.next_draw() for each in wanted]
        asked = [each for each in zip(wanted, draws, strict=True) if _says_something(*each)]
        if not asked:
            return
        drawn = await self._drawn([draw for _, draw in asked])
        for (allowance, _), each in zip(asked, drawn, strict=True):
            allowance.take_over(each)

    async def _drawn(self, draws: Sequence[Draw]) -> Sequence[Drawn]:
        try:
            async with asyncio.timeout(STORE_WAIT.total_seconds()):
                drawn = await self._store.draw(draws)
        except (StoreUnavailable, TimeoutError) as error:
            self.why_away = str(error) or "no answer in time"
            return await self._apart.draw(draws)
        self.why_away = None
        return drawn

    async def forget_old(self) -> None:
        """Have the store forget now and then what says nothing any more."""
        if self._clock() - self._forgot_at > FORGET_EVERY_SECONDS:
            self._forgot_at = self._clock()
            with suppress(StoreUnavailable):
                await self._store.forget()

    def _allowance(self, client: str, policy: Policy) -> Allowance:
        place = client, policy.name
        allowance = self._allowances.get(place)
        if allowance is None or allowance.policy != policy:
            allowance = self._allowances[place] = Allowance(client, policy, self._clock)
        return allowance

    def _want(self, allowance: Allowance) -> None:
        self._low[allowance.client, allowance.policy.name] = allowance
        self._is_wanted.set()

    async def _wait(self, allowance: Allowance, count: int) -> None:
        future = asyncio.get_running_loop().create_future()
        allowance.waiting.append((count, future))
        self._want(allowance)
        self._is_waited_for.set()
        await future

    def _note_idle(self) -> None:
        """Give back what nobody takes, and forget who has nothing in hand."""
        idle_since = self._clock() - IDLE_SECONDS
        for place, allowance in list(self._allowances.items()):
            if allowance.used_at >= idle_since or allowance.waiting or allowance.asking:
                continue
            if allowance.in_hand:
                self._want(allowance)
            elif allowance.asks_again_at <= self._clock():
                del self._allowances[place]


def _says_something(allowance: Allowance, draw: Draw) -> bool:
    return bool(draw.wanted or draw.returned or allowance.asking)
