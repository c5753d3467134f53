"""Errors of the client.

AsyncNotifyError
├── BadSetup             nothing was sent: the gateway's URL, the key or a proxy can't be used
├── Unreachable          no answer: nothing listens there, or the connection broke
├── Refused              the service answered with a problem document
│   ├── Invalid          400, 413, 415, 422: the request itself is wrong; `errors` says where
│   ├── Unauthenticated  401: no key, or none that is known and still valid
│   ├── Forbidden        403: the key may not do this
│   ├── NotFound         404, 410: there is nothing under this id, or no longer
│   ├── Conflict         409: it is not in the state for this
│   ├── RateLimited      429: too many; `retry_after_seconds` says when to come back
│   └── Unavailable      502, 503, 504: not now; `retry_after_seconds` may say when
├── UnexpectedAnswer     what answered is not the API: a redirect, a page, a proxy's error
└── NotEnded             in `not_ended`: a notification had not ended in the time to wait for it
"""

from collections.abc import Mapping, Sequence


class AsyncNotifyError(Exception):
    """Base of all errors that the client raises."""


class BadSetup(AsyncNotifyError):
    """Raised before anything is sent, when the gateway's URL, the key or a proxy is unusable."""


class Unreachable(AsyncNotifyError):
    """Raised when there is no answer. A send may or may not have been accepted."""


class Refused(AsyncNotifyError):
    """Raised when the service answers with an error.

    Attributes:
        status: the HTTP status.
        code: a stable code for programs, such as `invalid_request`.
        errors: every bad field, as `{"pointer", "code", "message"}`.
        retry_after_seconds: when to try again, if the service says so.
        request_id: what finds the call in the services' logs, if the service says it.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        errors: Sequence[Mapping[str, str]] = (),
        retry_after_seconds: float | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(status, code, detail, errors, retry_after_seconds, request_id)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors
        self.retry_after_seconds = retry_after_seconds
        self.request_id = request_id

    def __str__(self) -> str:
        return self.detail


class Invalid(Refused):
    """Raised when the request itself is wrong; `errors` names every bad field."""


class Unauthenticated(Refused):
    """Raised when there is no key, or none that is known and still valid."""


class Forbidden(Refused):
    """Raised when the key may not do this."""


class NotFound(Refused):
    """Raised when there is nothing under this id, or no longer."""


class Conflict(Refused):
    """Raised when something is not in the state for this: past cancelling, not a dead letter."""


class RateLimited(Refused):
    """Raised when there were too many calls; `retry_after_seconds` says when to come back."""


class Unavailable(Refused):
    """Raised when the system can't do it now; `retry_after_seconds` may say when."""


class UnexpectedAnswer(AsyncNotifyError):
    """Raised when the answer is not the API's: something else listens there, or is in between.

    Nothing is known of what became of the call. `status` is the HTTP status, where it is known.
    """

    def __init__(
        self, status: int | None, detail: str, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(status, detail, retry_after_seconds)
        self.status = status
        self.detail = detail
        self.retry_after_seconds = retry_after_seconds

    def __str__(self) -> str:
        return self.detail


_BY_STATUS: Mapping[int, type[Refused]] = {
    **dict.fromkeys((400, 413, 415, 422), Invalid),
    401: Unauthenticated,
    403: Forbidden,
    **dict.fromkeys((404, 410), NotFound),
    409: Conflict,
    429: RateLimited,
    **dict.fromkeys((502, 503, 504), Unavailable),
}


def refusal_type(status: int) -> type[Refused]:
    """Return the error that stands for a problem document with this HTTP status."""
    return _BY_STATUS.get(status, Refused)
