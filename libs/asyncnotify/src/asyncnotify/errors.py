"""Errors of the client.

AsyncNotifyError
├── BadSetup           nothing was sent: the gateway's URL or a proxy setting can't be used
├── Unreachable        no answer: nothing listens there, or the connection broke
├── Refused            the service answered with a problem document
└── UnexpectedAnswer   what answered is not the API: a redirect, a page, a proxy's error
"""

from collections.abc import Mapping, Sequence


class AsyncNotifyError(Exception):
    """Base of all errors that the client raises."""


class BadSetup(AsyncNotifyError):
    """Raised before anything is sent, when the gateway's URL or a proxy setting is unusable."""


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


class UnexpectedAnswer(AsyncNotifyError):
    """Raised when the answer is not the API's: something else listens there, or is in between.

    Nothing is known of what became of the call. `status` is the HTTP status, where it is known.
    """

    def __init__(
        self, status: int | None, detail: str, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.retry_after_seconds = retry_after_seconds
