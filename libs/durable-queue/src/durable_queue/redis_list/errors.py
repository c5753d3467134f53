"""What Redis and its client raise, in the words of the port."""

from typing import Final

from redis.exceptions import RedisError

from durable_queue.port import QueueUnavailable

# What a server says that is not, or no longer, the one to ask: by now its name may lead to another.
_NOT_ME: Final = {
    "READONLY": "Redis is a read-only replica",
    "LOADING": "Redis is loading its data",
    "MASTERDOWN": "Redis is a replica without its master",
    "NOREPLICAS": "Redis misses the replicas that it needs for a write",
    "UNBLOCKED": "Redis became a replica",
    "CLUSTERDOWN": "the Redis cluster is down",
    "MOVED": "the URL names one node of a Redis cluster, and the data is on another; "
    "it has to name a Redis that is not a cluster",
    "ASK": "the URL names one node of a Redis cluster, and the data is moving to another; "
    "it has to name a Redis that is not a cluster",
    "TRYAGAIN": "the URL names a node of a Redis cluster that is moving its data; "
    "it has to name a Redis that is not a cluster",
}
_REFUSALS: Final = _NOT_ME | {
    "OOM": "Redis is full (maxmemory)",
    "MISCONF": "Redis can't write to its disk",
    "NOAUTH": "Redis wants a password",
    "Protocol": "Redis wants a password",  # for more than ten arguments it doesn't say NOAUTH
    "WRONGPASS": "Redis refuses the password",
    "NOPERM": "Redis denies this user a command",
    "BUSY": "Redis is busy with a script",
}


def says_not_me(reply: object) -> bool:
    """Tell whether a reply is a refusal by a server that is not the one to ask.

    It has done nothing then, and the same may be asked of whomever its name leads to by now.
    """
    return isinstance(reply, RedisError) and _code(reply) in _NOT_ME


def unavailable(error: Exception) -> QueueUnavailable:
    """Say what `error` means, for the log's reader."""
    if isinstance(error, TimeoutError):
        return QueueUnavailable("Redis did not answer in time")
    text, meaning = str(error), _REFUSALS.get(_code(error))
    return QueueUnavailable(f"{meaning}: {text}" if meaning else text or repr(error))


def _code(error: Exception) -> str:
    # The client's parser cuts the code off the text of those that it has a class for.
    first_word = str(error).partition(" ")[0]
    return first_word if first_word in _REFUSALS else getattr(error, "status_code", None) or ""
