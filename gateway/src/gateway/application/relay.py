"""What may pass through the door, and in which form."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from gateway.application.ports import Answer, AnswerStream, Call, Upstream, UpstreamBroken

# What is not named here does not pass: hop-by-hop headers, cookies, what a proxy is said to add.
REQUEST_HEADERS: Final = frozenset({"accept", "idempotency-key", "last-event-id"})
ANSWER_HEADERS: Final = frozenset(
    {
        "allow",
        "cache-control",
        "content-type",
        "idempotent-replayed",
        "location",
        "retry-after",
        "x-accel-buffering",
    }
)
PROBLEM_TYPE: Final = "application/problem+json"

# Only an answer that refuses a stream is gathered; none of ours comes near this.
_MAX_REFUSAL_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """Pass a call on to the service that answers it, and the answer back to the client.

    Errors of the service reach the client as problem documents, or not at all.
    """

    upstream: Upstream

    async def __call__(self, call: Call, *, removes: bool = False) -> Answer:
        """Return the whole answer. With `removes`, what the call is about is not found after it.

        Raises:
            UpstreamError: there is none that a client can use.
        """
        answer = await self.upstream.ask(call)
        if removes and answer.is_repeat and answer.status == 404:
            # It is gone, as was asked for: most likely the answer that was lost said so.
            return Answer(status=204, headers={}, body=b"")
        return _presentable(answer)

    @asynccontextmanager
    async def listen(self, call: Call) -> AsyncIterator[Answer | AnswerStream]:
        """Hand over the stream that the call asks for, or the answer that refuses it.

        Raises:
            UpstreamError: there is no answer that a client can use.
        """
        async with self.upstream.listen(call) as stream:
            if stream.status == 200:
                yield AnswerStream(
                    status=stream.status, headers=_for_client(stream.headers), chunks=stream.chunks
                )
            else:
                yield _presentable(await _gathered(stream))


def _presentable(answer: Answer) -> Answer:
    headers = _for_client(answer.headers)
    if answer.status >= 500 and not headers.get("content-type", "").startswith(PROBLEM_TYPE):
        raise UpstreamBroken(f"answered {answer.status}, without a problem document")
    return Answer(status=answer.status, headers=headers, body=answer.body)


def _for_client(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name in ANSWER_HEADERS}


async def _gathered(stream: AnswerStream) -> Answer:
    body = bytearray()
    async for chunk in stream.chunks:
        body += chunk
        if len(body) > _MAX_REFUSAL_BYTES:
            raise UpstreamBroken(f"refused a stream with {stream.status} and too long a body")
    return Answer(status=stream.status, headers=stream.headers, body=bytes(body))
