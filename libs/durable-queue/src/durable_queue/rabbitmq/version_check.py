"""Whether a RabbitMQ can keep what is promised of it."""

from typing import Final

import aio_pika
from aiormq.exceptions import ChannelPreconditionFailed, ConnectionInternalError

from durable_queue.rabbitmq.errors import as_queue_errors, regardless
from durable_queue.rabbitmq.options import RabbitOptions

_OLDEST_SUPPORTED: Final = (3, 10)
_HAS_STREAMS_FOR_SURE: Final = (3, 12)
_IS_OFF: Final = "feature flag is disabled"


async def missing_features(url: str, version: str, options: RabbitOptions) -> list[str]:
    """Say what a broker of this version lacks.

    Raises:
        QueueUnavailable: it can't be asked.
    """
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if numbers < _OLDEST_SUPPORTED:
        return [f"this is RabbitMQ {version}: 3.10 or newer is needed"]
    if numbers < _HAS_STREAMS_FOR_SURE and not await _has_streams(url, options):
        # Without it the broker takes "at-least-once" for "at-most-once", and says nothing.
        return [
            "its feature flag stream_queue is off, as after an upgrade, so that what leaves a "
            "delay queue may be lost: run rabbitmqctl enable_feature_flag stream_queue"
        ]
    return []


async def _has_streams(url: str, options: RabbitOptions) -> bool:
    with as_queue_errors():
        # A connection of its own, for the broker closes it if the answer is no.
        connection = await aio_pika.connect(url, timeout=options.call_timeout.total_seconds())
        try:
            channel = await connection.channel()
            # Nothing is made: a broker with streams says that they must be durable.
            await channel.declare_queue(
                f"{options.namespace}.probe", durable=False, arguments={"x-queue-type": "stream"}
            )
        except ConnectionInternalError as error:
            if _IS_OFF not in str(error):
                raise
            return False
        except ChannelPreconditionFailed:
            return True
        finally:
            with regardless():
                await connection.close()
    return True
