"""What Redis's settings mean for the messages in it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from redis.exceptions import NoPermissionError, RedisError, ResponseError

from durable_queue.port import Durability, QueueUnavailable
from durable_queue.redis_list.batcher import Batcher
from durable_queue.redis_list.connections import Reply
from durable_queue.redis_list.errors import unavailable

UNKNOWN = "unknown"
"""Neither CONFIG nor INFO says how often the append-only file is flushed: a managed Redis."""

_NOTHING_TOLD: Final = (
    "this account may not use INFO, so nothing tells what a restart of Redis would lose: "
    "allow it with ACL SETUSER ... +info"
)
_UNFINISHED: Final = "the append-only file is not complete yet: a restart of Redis loses messages"


class Inspector:
    """Asks a Redis again and again what it would lose."""

    def __init__(self, batcher: Batcher) -> None:
        self._batcher = batcher
        self._is_incomplete = False

    async def durability(self) -> Durability:
        """Ask Redis for its settings; where CONFIG is forbidden, INFO has to do.

        Raises:
            QueueUnavailable: Redis can't be reached, or the name leads to a replica.
        """
        try:
            info = _info(await _ask(self._batcher, "INFO"))
        except QueueUnavailable as error:
            if not isinstance(error.__cause__, NoPermissionError):
                raise
            return Durability(profile=UNKNOWN, faults=[_NOTHING_TOLD])
        if _is_a_replica(info):
            # It answers for ever, although its name may lead to the new primary by now.
            self._batcher.leave()
            info = _info(await _ask(self._batcher, "INFO"))
        if _is_a_replica(info):
            raise QueueUnavailable(
                "Redis is a read-only replica: its name has to lead to a primary"
            )
        try:
            settings = _pairs(await _ask(self._batcher, "CONFIG", "GET", "append*"))
        except QueueUnavailable as error:
            if not isinstance(error.__cause__, ResponseError):
                raise
            settings = {}
        found = judge(info, settings)
        # What was off and is on again counts from the moment when all data is in the file.
        self._is_incomplete = not _is_logged(info) or (
            self._is_incomplete and _is_being_rewritten(info)
        )
        if self._is_incomplete and _is_logged(info):
            return replace(found, faults=[*found.faults, _UNFINISHED])
        return found


def judge(info: Mapping[str, str], settings: Mapping[str, str]) -> Durability:
    """Say what would be lost, from the replies of INFO and CONFIG GET."""
    is_logged = _is_logged(info)
    flushed = settings.get("appendfsync", UNKNOWN) if is_logged else "none"
    checks = (
        _version(info.get("redis_version", "0")),
        None if is_logged else "appendonly is no: a restart of Redis loses messages",
        _flushing(flushed),
        _eviction(info),
        _writing(info),
    )
    return Durability(profile=flushed, faults=[fault for fault in checks if fault])


def _is_logged(info: Mapping[str, str]) -> bool:
    return info.get("aof_enabled", "0") != "0"


def _is_being_rewritten(info: Mapping[str, str]) -> bool:
    marks = ("aof_rewrite_in_progress", "aof_rewrite_scheduled")
    has_failed = info.get("aof_last_bgrewrite_status", "ok") != "ok"
    return has_failed or any(info.get(mark, "0") != "0" for mark in marks)


def _version(version: str) -> str | None:
    if int(version.partition(".")[0]) >= 7:
        return None
    return f"this is Redis {version}: 7.0 or newer is needed"


def _flushing(appendfsync: str) -> str | None:
    if appendfsync != "no":
        return None
    return "appendfsync is no: a power cut loses up to half a minute of messages"


def _eviction(info: Mapping[str, str]) -> str | None:
    policy = info.get("maxmemory_policy", "noeviction")
    if policy == "noeviction":
        return None
    if info.get("maxmemory", "0") == "0":
        when = "once a maxmemory is set and reached"
    else:
        when = "when maxmemory is reached"
    what = "idempotency keys" if policy.startswith("volatile") else "messages"
    return f"maxmemory-policy is {policy}, not noeviction: Redis deletes {what} {when}"


def _writing(info: Mapping[str, str]) -> str | None:
    if info.get("aof_last_write_status", "ok") == "ok":
        return None
    return "the last write to the append-only file failed: is the disk full?"


def _is_a_replica(info: Mapping[str, str]) -> bool:
    return info.get("role", "master") != "master"


async def _ask(batcher: Batcher, *command: str) -> Reply:
    try:
        return await batcher.call(*command)
    except (RedisError, OSError) as error:
        raise unavailable(error) from error


def _info(reply: Reply) -> dict[str, str]:
    text = reply.decode() if isinstance(reply, bytes) else ""
    lines = (line.partition(":")[::2] for line in text.splitlines() if ":" in line)
    return dict(lines)


def _pairs(reply: Reply) -> dict[str, str]:
    items = [item.decode() for item in reply] if isinstance(reply, list) else []
    return dict(zip(items[::2], items[1::2], strict=True))
