"""The client of the public HTTP API."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from asyncnotify.errors import Refused, Unreachable

JsonObject = dict[str, Any]
"""A decoded JSON object; its fields are those of the public API."""


class AsyncNotify:
    """Talks to one AsyncNotify gateway. Use it as an async context manager, and keep it.

    All methods raise `Unreachable` when there is no answer, and `Refused` when it is an error.
    """

    def __init__(
        self,
        base_url: str = "http://localhost:8000",
        *,
        timeout_seconds: float = 10.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx.AsyncClient(
            base_url=base_url, timeout=timeout_seconds, transport=transport
        )

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    async def send(
        self,
        user_id: str,
        message: str,
        *,
        idempotency_key: str | None = None,
        **fields: str | None,
    ) -> JsonObject:
        """Ask that a user be told something; returns `{"trace_id", "status", "status_url"}`.

        `fields` are the optional ones of the API: channel, subject, priority, send_at, expires_at.
        With an `idempotency_key` a send may be repeated safely for 24 hours.
        """
        body = {"user_id": user_id, "message": message}
        body |= {name: value for name, value in fields.items() if value is not None}
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return await self._call("POST", "/notifications", json=body, headers=headers)

    async def status(self, trace_id: str) -> JsonObject:
        """Return the notification with its timeline."""
        return await self._call("GET", f"/notifications/{_segment(trace_id)}")

    async def notifications(self, **filters: str | int | None) -> JsonObject:
        """Return one page, newest first: `{"items", "next_cursor"}`. Filters as in the API."""
        return await self._call("GET", "/notifications", params=_given(filters))

    async def cancel(self, trace_id: str) -> JsonObject:
        """Withdraw a notification that was not sent yet; returns it."""
        return await self._call("DELETE", f"/notifications/{_segment(trace_id)}")

    async def dead_letters(self, **filters: str | int | None) -> JsonObject:
        """Return one page of given-up notifications: `{"items", "next_cursor"}`."""
        return await self._call("GET", "/dead-letters", params=_given(filters))

    async def replay(self, trace_id: str) -> JsonObject:
        """Queue one dead letter again."""
        return await self._call("POST", f"/dead-letters/{_segment(trace_id)}/replay")

    async def replay_many(self, **wish: str | int | bool | None) -> JsonObject:
        """Queue dead letters again by filter: reason, channel, since, until, limit, dry_run."""
        return await self._call("POST", "/dead-letters/replay", json=_given(wish))

    async def delete_dead_letter(self, trace_id: str) -> None:
        """Forget one dead letter."""
        await self._call("DELETE", f"/dead-letters/{_segment(trace_id)}")

    async def put_user(self, user_id: str, contact: Mapping[str, str | None]) -> JsonObject:
        """Store a user's addresses and preferred channel, in place of what was there."""
        return await self._call("PUT", f"/users/{_segment(user_id)}", json=dict(contact))

    async def changes(
        self, trace_id: str | None = None, *, last_event_id: str | None = None
    ) -> AsyncIterator[JsonObject]:
        """Yield status changes as they happen: of one notification until it ends, or of all."""
        path = f"/notifications/{_segment(trace_id)}/events" if trace_id else "/events"
        headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
        async with self._stream(path, headers) as response:
            event = ""
            async for line in response.aiter_lines():
                if line.startswith("event:"):
                    event = line.removeprefix("event:").strip()
                elif line.startswith("data:") and event == "status":
                    yield json.loads(line.removeprefix("data:"))

    @asynccontextmanager
    async def _stream(self, path: str, headers: Mapping[str, str]) -> AsyncIterator[httpx.Response]:
        patient = httpx.Timeout(10.0, read=None)
        try:
            async with self._http.stream("GET", path, headers=headers, timeout=patient) as response:
                if response.is_error:
                    await response.aread()
                    raise _refusal(response)
                yield response
        except httpx.TransportError as error:
            raise _unreachable(self._http.base_url, error) from error

    async def _call(self, method: str, path: str, **options: Any) -> JsonObject:  # noqa: ANN401
        try:
            response = await self._http.request(method, path, **options)
        except httpx.TransportError as error:
            raise _unreachable(self._http.base_url, error) from error
        if response.is_error:
            raise _refusal(response)
        answer: JsonObject = response.json() if response.content else {}
        return answer


def _segment(value: str) -> str:
    return quote(value, safe="").replace(".", "%2E")


def _given(fields: Mapping[str, Any]) -> JsonObject:
    return {name: value for name, value in fields.items() if value is not None}


def _unreachable(url: httpx.URL, error: httpx.TransportError) -> Unreachable:
    return Unreachable(f"no answer from {url}: {str(error) or type(error).__name__}")


def _refusal(response: httpx.Response) -> Refused:
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    retry_after = response.headers.get("Retry-After", "")
    return Refused(
        response.status_code,
        problem.get("code", "unexpected_answer"),
        problem.get("detail") or problem.get("title") or response.reason_phrase,
        problem.get("errors") or (),
        float(retry_after) if retry_after.isdecimal() else None,
    )
