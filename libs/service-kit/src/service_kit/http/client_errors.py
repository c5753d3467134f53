"""How a request to an upstream can fail.

UpstreamError              attribute `sent`: whether the upstream may have seen the request
├── UpstreamUnavailable    refused, reset, no such host, or no sensible answer
│   └── HungUp             the connection ended before an answer had begun
└── UpstreamTimeout        no connection (all may be busy) or no answer in time
"""


class UpstreamError(Exception):
    """Base of what a request can fail with.

    `sent` is False only if not one byte of the request can have reached the upstream.
    """

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class UpstreamUnavailable(UpstreamError):
    """Raised when the upstream can't be reached, hangs up, or answers nonsense."""


class HungUp(UpstreamUnavailable):
    """Raised when the upstream hangs up before its answer begins; it may be at work all the same.

    It is what a request meets on a kept connection that the upstream has just closed.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, sent=True)


class UpstreamTimeout(UpstreamError):
    """Raised when no connection or no answer was to be had in time."""
