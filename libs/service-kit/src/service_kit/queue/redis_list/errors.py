"""What Redis and its client raise, in the words of the port."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import (
    BusyLoadingError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
)

from service_kit.queue.port import QueueUnavailable

_REFUSALS = {
    "OOM": "Redis is full (maxmemory)",
    "MISCONF": "Redis can't write to its disk",
    "READONLY": "Redis is a read-only replica",
    "LOADING": "Redis is loading its data",
    "NOAUTH": "Redis wants a password",
    "Protocol": "Redis wants a password",  # for more than ten arguments it doesn't say NOAUTH
    "WRONGPASS": "Redis refuses the password",
    "NOPERM": "Redis denies this user a command",
    "NOREPLICAS": "Redis misses the replicas that it needs for a write",
    "MASTERDOWN": "Redis is a replica without its master",
    "CLUSTERDOWN": "the Redis cluster is down",
    "BUSY": "Redis is busy with a script",
    "UNBLOCKED": "Redis became a replica",
}
# The client's parser cuts the code off these.
_BY_CLASS: dict[type[Exception], str] = {
    OutOfMemoryError: _REFUSALS["OOM"],
    ReadOnlyError: _REFUSALS["READONLY"],
    BusyLoadingError: _REFUSALS["LOADING"],
}


def unavailable(error: Exception) -> QueueUnavailable:
    """Say what `error` means, for whoever reads the log."""
    if isinstance(error, TimeoutError):
        return QueueUnavailable("Redis did not answer in time")
    text = str(error)
    meaning = _BY_CLASS.get(type(error)) or _REFUSALS.get(text.partition(" ")[0])
    return QueueUnavailable(f"{meaning}: {text}" if meaning else text or repr(error))


@contextmanager
def as_unavailable() -> Iterator[None]:
    """Turn what a broken connection or a refusing server raises into `QueueUnavailable`."""
    try:
        yield
    except (RedisError, OSError) as error:  # OSError: the builtin TimeoutError, too
        raise unavailable(error) from error
