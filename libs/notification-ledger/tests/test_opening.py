import pytest
from notification_ledger.memory import MemoryLedger
from notification_ledger.opening import open_ledger
from notification_ledger.redis import RedisLedger


@pytest.mark.parametrize("url", ["redis://localhost:6379/0", "rediss://:secret@host/1"])
async def test_redis_is_opened_by_its_url(url: str) -> None:
    ledger = open_ledger(url)

    assert isinstance(ledger, RedisLedger)
    await ledger.close()


def test_memory_is_opened_by_its_url() -> None:
    assert isinstance(open_ledger("memory://"), MemoryLedger)


@pytest.mark.parametrize("url", ["", "localhost", "amqp://localhost", "postgres://localhost"])
def test_other_stores_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="a ledger's URL begins with"):
        open_ledger(url)
