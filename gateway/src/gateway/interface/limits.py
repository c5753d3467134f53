"""Clients' limits at the door: what a call takes, and what its answer says of them.

`RateLimit-Policy` and `RateLimit` are those of draft-ietf-httpapi-ratelimit-headers: an item for
each policy that a call counts for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from time import time
from typing import Final

from notification_contracts.durations import until
from service_kit.http.hot import HotAnswer, HotRequest, header_lines
from service_kit.http.problems import Problem, ProblemError
from service_kit.lifecycle import Stopping
from service_kit.logs import get_logger
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.application.client_limits import NOTIFICATIONS, ClientLimits, TooManyStreams
from gateway.application.known_keys import CALLER, Principal
from gateway.application.limits import ALLOWANCES, Allowance, Limiter, LimitReached
from gateway.domain.limits import DAY

log = get_logger(__name__)

RATE_LIMITED: Final = Problem(429, "rate_limited", "The key has been used too often")
DAILY_LIMIT: Final = Problem(
    429, "daily_limit", "No more notifications may be sent with this key today"
)
STREAM_LIMIT: Final = Problem(
    429, "stream_limit", "Too many event streams are open with this key", timedelta(seconds=10)
)

LIMIT_REFUSALS: Final = (RATE_LIMITED, DAILY_LIMIT, STREAM_LIMIT)
LIMIT_HEADERS: Final = {
    "Retry-After": "In how many seconds there is more.",
    "RateLimit-Policy": "For each limit of the key: `q` may be used in `w` seconds.",
    "RateLimit": "For each of them: `r` are left, and in `t` seconds all of it is back.",
}

_START: Final = "http.response.start"


def hold_to(limits: ClientLimits, app: ASGIApp) -> ASGIApp:
    """Let a route answer only as often as a key may ask, and say so in the answers."""

    async def held(scope: Scope, receive: Receive, send: Send) -> None:
        allowances: list[Allowance] = []
        scope["state"][ALLOWANCES] = allowances

        async def say(message: Message) -> None:
            if allowances and message["type"] == _START:
                message["headers"] = [*message["headers"], *_raw(_shown(allowances))]
            await send(message)

        try:
            if allowance := await limits.take_request(scope["state"][CALLER].key):
                allowances.append(allowance)
            await app(scope, receive, say)
        except LimitReached as reached:
            raise _refusal(reached, allowances) from None
        except TooManyStreams as error:
            raise ProblemError(STREAM_LIMIT, str(error), headers=_shown(allowances)) from None

    return held


async def hold_hot_to(
    limits: ClientLimits,
    request: HotRequest,
    caller: Principal,
    relay: Callable[[HotRequest, Principal, list[Allowance]], Awaitable[HotAnswer]],
) -> HotAnswer:
    """Let a hot call answer only as often as a key may ask, and say so in the answer."""
    allowances: list[Allowance] = []
    try:
        if allowance := await limits.take_request(caller.key):
            allowances.append(allowance)
        answer = await relay(request, caller, allowances)
    except LimitReached as reached:
        raise _refusal(reached, allowances) from None
    return answer._replace(head=answer.head + header_lines(_raw(_shown(allowances))))


async def draw_for(limiter: Limiter, stopping: Stopping) -> None:
    """Have the limiter draw what it wants, until the process stops; say when its store is away."""
    was_away = False
    waking = asyncio.create_task(_wake(limiter, stopping))
    while not stopping.is_set():
        await limiter.until_wanted()
        await limiter.draw()
        await limiter.forget_old()
        if limiter.why_away and not was_away:
            log.warning("limits.store_unavailable", error=limiter.why_away)
        elif was_away and not limiter.why_away:
            log.info("limits.store_available")
        was_away = bool(limiter.why_away)
        await limiter.until_due()
    await waking
    await limiter.give_back_all()


async def _wake(limiter: Limiter, stopping: Stopping) -> None:
    await stopping.wait()
    limiter.wake()


def _refusal(reached: LimitReached, allowances: Sequence[Allowance]) -> ProblemError:
    problem = RATE_LIMITED
    if reached.allowance.policy.name == NOTIFICATIONS:
        problem = DAILY_LIMIT
    seconds = max(1, ceil(reached.retry_in))
    headers = [("Retry-After", str(seconds)), *_shown([*allowances, reached.allowance])]
    now = datetime.now(UTC)
    detail = f"{problem.title}; there is more {until(now + timedelta(seconds=seconds), now)}."
    return ProblemError(problem, detail, headers=headers)


def _shown(allowances: Sequence[Allowance]) -> list[tuple[str, str]]:
    if not allowances:
        return []
    policies = [f'"{p.name}";q={p.in_window};w={p.window}' for p in (s.policy for s in allowances)]
    left = [f'"{each.policy.name}";r={each.remaining};t={_resets_in(each)}' for each in allowances]
    return [("RateLimit-Policy", ", ".join(policies)), ("RateLimit", ", ".join(left))]


def _resets_in(allowance: Allowance) -> int:
    """Return in how many seconds all of it is back."""
    policy = allowance.policy
    if policy.per_second is None:
        return ceil(DAY - time() % DAY)
    return ceil(max(0, policy.quota - allowance.remaining) / policy.per_second)


def _raw(headers: Sequence[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers]
