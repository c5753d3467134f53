"""Runs the load generator and reads what it says."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Final

CONNECTIONS: Final = 64
_GENERATOR: Final = Path(__file__).with_name("generator.py")


async def flood(port: int, count: int, *, users: int = 500) -> dict[str, Any]:
    """Post `count` to so many users over 64 connections, each as soon as its last one is answered.

    Raises:
        RuntimeError: not all were accepted.
    """
    return await _generate(port=port, count=count, connections=CONNECTIONS, users=users)


async def paced(port: int, count: int, rate: float, *, trace: bool = False) -> dict[str, Any]:
    """Post `count` at random instants, `rate` a second; `trace` keeps when each was posted.

    Raises:
        RuntimeError: not all were accepted.
    """
    return await _generate(port=port, count=count, rate=rate, trace=trace)


async def _generate(**options: float | bool) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, _GENERATOR, json.dumps(options), stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError("the load generator failed")
    outcome: dict[str, Any] = json.loads(printed)
    if outcome["refused"]:
        raise RuntimeError(f"{outcome['refused']} of {outcome['count']} were not accepted")
    return outcome
