import pytest
from durable_queue.factory import open_queue
from durable_queue.memory import InMemoryQueue
from durable_queue.rabbitmq.queue import RabbitQueue
from durable_queue.redis_list.queue import RedisListQueue


@pytest.mark.parametrize("url", ["redis://localhost:6379/0", "rediss://:secret@localhost/1"])
def test_redis_is_opened_without_connecting(url: str) -> None:
    assert isinstance(open_queue(url), RedisListQueue)


def test_memory_is_opened() -> None:
    assert isinstance(open_queue("memory://"), InMemoryQueue)


@pytest.mark.parametrize("url", ["amqp://localhost", "amqps://localhost"])
async def test_rabbitmq_is_opened_without_connecting(url: str) -> None:
    assert isinstance(open_queue(url), RabbitQueue)


@pytest.mark.parametrize("url", ["", "localhost:6379", "http://localhost", "kafka://localhost"])
def test_other_brokers_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="a broker's URL begins with"):
        open_queue(url)
