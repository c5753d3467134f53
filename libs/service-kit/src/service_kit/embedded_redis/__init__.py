"""A real redis-server of our own, for machines that have none running."""

from service_kit.embedded_redis.authorship import ServerProgram
from service_kit.embedded_redis.errors import (
    BeyondRepair,
    DataDirInUse,
    DataTooNew,
    EmbeddedRedisError,
    NoRedisServer,
    RedisDidNotStart,
)
from service_kit.embedded_redis.program import (
    bundled_redis_server,
    find_redis_server,
)
from service_kit.embedded_redis.server import EmbeddedRedis

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
