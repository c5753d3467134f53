"""What RabbitMQ and its client raise, in the words of the port."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from aio_pika.exceptions import AMQPError, DeliveryError, PublishError
from aiormq.exceptions import AMQPException, ChannelPreconditionFailed

from durable_queue.backoff import is_being_cancelled
from durable_queue.port import QueueError, QueueUnavailable, UnsafeBroker

_MISMATCH = "inequivalent arg"
"""How RabbitMQ says that a queue has other arguments; 406 alone means many things."""

# RuntimeError: aio-pika and aiormq raise it for what is closed; so do their futures.
BROKEN = (AMQPError, AMQPException, OSError, RuntimeError, EOFError)


def translated(error: Exception) -> QueueError:
    """Say what `error` means, for the log's reader."""
    if isinstance(error, QueueError):
        return error
    if isinstance(error, TimeoutError):
        return QueueUnavailable("RabbitMQ did not answer in time")
    if isinstance(error, ChannelPreconditionFailed) and _MISMATCH in str(error):
        return UnsafeBroker(
            f"RabbitMQ has a queue or exchange of this name with other arguments: {error}; "
            "empty and delete it, and start again"
        )
    if isinstance(error, PublishError):
        return QueueUnavailable("RabbitMQ returned a message: no queue is bound for it")
    if isinstance(error, DeliveryError):
        # Full or not, stored or not: a node that dies says it, too.
        return QueueUnavailable("RabbitMQ did not take a message: it fails, or a policy limits it")
    return QueueUnavailable(f"RabbitMQ: {error!s}" if str(error) else f"RabbitMQ: {error!r}")


@contextmanager
def as_queue_errors() -> Iterator[None]:
    """Turn what a broken connection or a refusing server raises into the port's errors."""
    try:
        yield
    except BROKEN as error:
        raise translated(error) from error
    except asyncio.CancelledError as error:
        if is_being_cancelled():
            raise
        # The client cancels its own futures when a channel or a connection ends.
        raise QueueUnavailable("the connection to RabbitMQ broke") from error


@contextmanager
def regardless() -> Iterator[None]:
    """Ignore that something could not be said to the broker."""
    with suppress(QueueError), as_queue_errors():
        yield
