"""What can go wrong with the embedded server. Each message says what to do about it."""


class EmbeddedRedisError(Exception):
    """Base of all errors of the embedded server."""


class NoRedisServer(EmbeddedRedisError):
    """Raised when no redis-server of a usable version is installed; lists what was tried."""


class DataDirInUse(EmbeddedRedisError):
    """Raised when another process runs a server on the same data directory."""


class RedisDidNotStart(EmbeddedRedisError):
    """Raised when the server ended or did not answer in time; quotes the end of its log."""
