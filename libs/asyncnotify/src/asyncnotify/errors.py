"""Errors of the client.

AsyncNotifyError
├── Unreachable   no answer: nothing listens there, or the connection broke
└── Refused       the service answered with a problem document
"""

from collections.abc import Mapping, Sequence


class AsyncNotifyError(Exception):
    """Base of all errors that the client raises."""


class Unreachable(AsyncNotifyError):
    """Raised when there is no answer. A send may or may not have been accepted."""


class Refused(AsyncNotifyError):
    """Raised when the service answers with an error.

    Attributes:
        status: the HTTP status.
        code: a stable code for programs, such as `invalid_request`.
        errors: every bad field, as `{"pointer", "code", "message"}`.
        retry_after_seconds: when to try again, if the service says so.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        errors: Sequence[Mapping[str, str]] = (),
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.errors = errors
        self.retry_after_seconds = retry_after_seconds
