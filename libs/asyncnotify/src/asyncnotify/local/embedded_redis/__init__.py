"""A real redis-server of our own, for machines that have none running."""

from asyncnotify.local.embedded_redis.errors import (
    BeyondRepair,
    DataDirInUse,
    DataTooNew,
    EmbeddedRedisError,
    NoRedisServer,
    RedisDidNotStart,
)
from asyncnotify.local.embedded_redis.find_server import (
    bundled_redis_server,
    find_redis_server,
)
from asyncnotify.local.embedded_redis.last_writer import ServerProgram
from asyncnotify.local.embedded_redis.server import EmbeddedRedis

__all__ = [
    "BeyondRepair",
    "DataDirInUse",
    "DataTooNew",
    "EmbeddedRedis",
    "EmbeddedRedisError",
    "NoRedisServer",
    "RedisDidNotStart",
    "ServerProgram",
    "bundled_redis_server",
    "find_redis_server",
]
