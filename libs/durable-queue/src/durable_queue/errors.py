"""What a queue raises:

QueueError
├── QueueUnavailable   the broker can't be reached or refuses to write
├── QueueFull          the lane holds as many waiting messages as it may
├── UnsafeBroker       the broker is set up so that it would lose messages
└── ClaimEnded         this worker's claim is over; another outcome stands, nothing was changed
    ├── LeaseLost      the lease ran out, or the message was cancelled
    └── MessageExpired the message expired before it was started; it is settled as such
"""


class QueueError(Exception):
    """Base of all errors that a queue raises."""


class QueueUnavailable(QueueError):
    """Raised when the broker can't be reached or refuses to write."""


class QueueFull(QueueError):
    """Raised when the lane holds as many waiting messages as it may."""


class UnsafeBroker(QueueError):
    """Raised when the broker is set up so that it would lose messages; says which setting."""


class ClaimEnded(QueueError):
    """Raised when a worker's claim on a message is over. Nothing was changed."""


class LeaseLost(ClaimEnded):
    """Raised when the lease ran out and may be another worker's, or the message was cancelled."""


class MessageExpired(ClaimEnded):
    """Raised by `Delivery.start` when the message is too old; it is settled as expired."""
