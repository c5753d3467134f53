"""The ledger on Redis."""

from notification_ledger.redis.ledger import RedisLedger
from notification_ledger.redis.scripts import lua_recorder

__all__ = ["RedisLedger", "lua_recorder"]
