"""What can go wrong with the embedded server. Each message says what to do about it."""

from collections.abc import Sequence

from asyncnotify.local.embedded_redis.last_writer import ServerProgram
from asyncnotify.local.supervised import NotStartable


class EmbeddedRedisError(OSError):
    """Base of all errors of the embedded server."""


class NoRedisServer(EmbeddedRedisError, NotStartable):
    """Raised when no redis-server of a usable version is installed; lists what was tried."""


class DataDirInUse(EmbeddedRedisError, NotStartable):
    """Raised when another process runs a server on the same data directory."""


class RedisDidNotStart(EmbeddedRedisError):
    """Raised when the server ended or did not answer in time; quotes the end of its log."""


class DamagedLog(RedisDidNotStart):
    """Raised when the server can't read its append-only file to the end."""


class BeyondRepair(RedisDidNotStart, NotStartable):
    """Raised when the append-only file can't be repaired without losing what may be sound."""


class DataTooNew(EmbeddedRedisError, NotStartable):
    """Raised when a newer server wrote the data than those at hand. `writer` says which."""

    def __init__(self, writer: str, at_hand: Sequence[ServerProgram]) -> None:
        older = ", ".join(f"{program.path} {program.shown}" for program in at_hand)
        super().__init__(
            f"the data was written by {writer}, and what is here is older and can't read it "
            f"({older}): install that version of Redis or a newer one, or name its program"
        )
