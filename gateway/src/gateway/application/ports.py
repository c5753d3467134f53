"""What the gateway needs of others: the services behind it, and how they fail.

    UpstreamError
    ├── UpstreamDown      it cannot be reached
    ├── UpstreamSilent    it did not answer in time
    └── UpstreamBroken    it broke off, or its answer is of no use to a client

An error's text names the service and the fault; it is for the log, not for a client.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol


class UpstreamError(Exception):
    """A service behind the gateway gave no answer that a client can use."""


class UpstreamDown(UpstreamError):
    """Raised when the service cannot be reached; the call was not carried out."""


class UpstreamSilent(UpstreamError):
    """Raised when the service does not answer in time; the call may have been carried out."""


class UpstreamBroken(UpstreamError):
    """Raised when the service breaks off, or answers with what is no answer to a client.

    The call may have been carried out.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request on its way to a service.

    `path` is percent-encoded and starts with `/`; `query` is as the client wrote it, without `?`;
    names of headers are in lower case.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A service's whole answer. Names of headers are in lower case.

    `is_repeat` says that the call was made twice, since the first answer was lost.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_repeat: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerStream:
    """A service's answer as it arrives. Names of headers are in lower case.

    `chunks` ends with the answer, and raises `UpstreamError` if that breaks off.
    """

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


class Upstream(Protocol):
    """A service behind the gateway."""

    async def ask(self, call: Call) -> Answer:
        """Return the whole answer, whatever its status.

        Raises:
            UpstreamDown: it cannot be reached.
            UpstreamSilent: it takes too long.
            UpstreamBroken: it breaks off, or does not speak HTTP.
        """
        ...

    def listen(self, call: Call) -> AbstractAsyncContextManager[AnswerStream]:
        """Hand over the answer as it arrives, and close it when the context is left.

        Raises:
            UpstreamDown: it cannot be reached.
            UpstreamSilent: the answer does not begin in time.
            UpstreamBroken: it breaks off before that, or does not speak HTTP.
        """
        ...

    async def check(self) -> None:
        """Return if the service says that it is ready.

        Raises:
            UpstreamError: it cannot be reached, is silent, or is not ready.
        """
        ...
