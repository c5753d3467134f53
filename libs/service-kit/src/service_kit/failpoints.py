"""Failpoints: named lines at which a test may make a process die, fail or hang.

They are inert unless `AN_FAILPOINT` arms them, for example
`AN_FAILPOINT="worker.after_claim:exit;worker.before_ack:sleep=2"`. Actions are `exit` (as hard as
`kill -9`), `raise` and `sleep=SECONDS`.
"""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from service_kit.settings import failpoint_plan

EXIT_CODE = 137  # what a shell reports for a process that was killed with SIGKILL


class FailpointTripped(Exception):
    """Raised at a failpoint whose action is `raise`."""


@dataclass(frozen=True, slots=True)
class _Action:
    kind: Literal["exit", "raise", "sleep"]
    seconds: float = 0.0


def failpoint(name: str) -> None:
    """Do what `name` is armed with; nothing, at the price of one look-up, if it is not."""
    action = _armed.get(name)
    if action is not None and _trip(name, action):
        time.sleep(action.seconds)


async def afailpoint(name: str) -> None:
    """Do what `name` is armed with; its sleep leaves the loop free."""
    action = _armed.get(name)
    if action is not None and _trip(name, action):
        await asyncio.sleep(action.seconds)


@contextmanager
def armed(plan: str) -> Iterator[None]:
    """Arm failpoints of this process, as `AN_FAILPOINT` would, while the block runs."""
    before = dict(_armed)
    _armed.update(_parse(plan))
    try:
        yield
    finally:
        _armed.clear()
        _armed.update(before)


def _trip(name: str, action: _Action) -> bool:
    """Exit or raise; true if it remains to sleep."""
    if action.kind == "exit":
        os._exit(EXIT_CODE)
    if action.kind == "raise":
        raise FailpointTripped(name)
    return True


def _parse(plan: str) -> dict[str, _Action]:
    steps = (step.strip() for step in plan.split(";"))
    return dict(_parse_step(step) for step in steps if step)


def _parse_step(step: str) -> tuple[str, _Action]:
    name, colon, what = step.partition(":")
    kind, _, seconds = what.partition("=")
    match kind, seconds:
        case ("exit" | "raise") as simple, "":
            return name, _Action(simple)
        case "sleep", _ if seconds and colon:
            return name, _Action("sleep", float(seconds))
        case _:
            message = (
                f"not a failpoint: {step!r}; write name:exit, name:raise or name:sleep=SECONDS"
            )
            raise ValueError(message)


_armed: dict[str, _Action] = _parse(failpoint_plan())
