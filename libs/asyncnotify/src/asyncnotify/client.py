"""The client of the public HTTP API."""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any, Self
from urllib.parse import quote
from uuid import uuid4

import httpx

from asyncnotify.answers import JsonObject
from asyncnotify.errors import Refused
from asyncnotify.following import Following, OnReconnect, log_reconnect
from asyncnotify.gateway import Gateway

CONCURRENCY = 64
_ACCEPTED = ("trace_id", "status", "status_url")
_NOTIFICATION = ("trace_id", "status", "timeline")
_PAGE = ("items", "next_cursor")
_REPLAYED = ("matched", "replayed", "trace_ids")
_FORGOTTEN = ("forgotten", "more")
_USER = ("user_id",)
_NO_FILTERS: Mapping[str, object] = {}


class AsyncNotify:
    """Talks to one AsyncNotify gateway. Use it as an async context manager, and keep it.

    All methods raise `Unreachable` when there is no answer, `Refused` when it is an error, and
    `UnexpectedAnswer` when it is not the API that answers. Any number of them may be called at
    once; `concurrency` of them are under way, the others wait their turn, however long that takes.

    `timeout_seconds` bounds one attempt. What may be repeated safely is, for `retry_seconds`, when
    the connection breaks, or the gateway refuses for now (429, 503); `Retry-After` is honoured.
    Times are aware datetimes, or text as in RFC 3339.
    """

    def __init__(
        self,
        base_url: str = "http://localhost:8000",
        *,
        timeout_seconds: float = 10.0,
        retry_seconds: float = 30.0,
        concurrency: int = CONCURRENCY,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Raise `BadSetup` if the URL, or a proxy that the environment names, can't be used."""
        self._gateway = Gateway(
            base_url,
            timeout_seconds=timeout_seconds,
            retry_seconds=retry_seconds,
            concurrency=concurrency,
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._gateway.close()

    async def send(
        self,
        user_id: str,
        message: str,
        *,
        idempotency_key: str | None = None,
        **fields: object,
    ) -> JsonObject:
        """Ask that a user be told something; returns `{"trace_id", "status", "status_url"}`.

        `fields` are the optional ones of the API: channel, subject, priority, send_at, expires_at,
        html, data, tags, reference.
        Attempts share an idempotency key, so that one call makes one notification. With an
        `idempotency_key` of yours the call itself may be repeated safely for 24 hours.
        """
        body = {"user_id": user_id, "message": message} | _given(fields)
        headers = {"Idempotency-Key": _header("idempotency-key", idempotency_key or uuid4().hex)}
        return await self._call(
            "POST", "/notifications", _ACCEPTED, may_repeat=True, body=body, headers=headers
        )

    async def status(self, trace_id: str) -> JsonObject:
        """Return the notification with its timeline."""
        return await self._get(f"/notifications/{_segment('trace_id', trace_id)}", _NOTIFICATION)

    async def explain(self, trace_id: str) -> JsonObject:
        """Return why a notification is where it is: `sentence`, in parts, `actions`, `facts`."""
        path = f"/notifications/{_segment('trace_id', trace_id)}/explain"
        return await self._get(path, ("trace_id", "sentence"))

    async def notifications(self, **filters: object) -> JsonObject:
        """Return one page, newest first: `{"items", "next_cursor"}`. Filters as in the API."""
        return await self._get("/notifications", _PAGE, filters)

    async def cancel(self, trace_id: str) -> JsonObject:
        """Withdraw a notification that is not being sent; returns it.

        With the reason `ambiguous` an earlier attempt may have reached the provider.
        """
        path = f"/notifications/{_segment('trace_id', trace_id)}"
        return await self._call("DELETE", path, _NOTIFICATION)

    async def dead_letters(self, **filters: object) -> JsonObject:
        """Return one page of given-up notifications: `{"items", "next_cursor"}`."""
        return await self._get("/dead-letters", _PAGE, filters)

    async def replay(self, trace_id: str) -> JsonObject:
        """Queue one dead letter again; `warning` is set if it may have been sent before."""
        path = f"/dead-letters/{_segment('trace_id', trace_id)}/replay"
        return await self._call("POST", path, _NOTIFICATION)

    async def replay_many(self, **filters: object) -> JsonObject:
        """Queue dead letters again by filter: reason, channel, since, until, limit, dry_run.

        All of them only with `all=True`. Returns `{"matched", "replayed", "trace_ids"}`.
        """
        return await self._call("POST", "/dead-letters/replay", _REPLAYED, body=_given(filters))

    async def delete_dead_letter(self, trace_id: str) -> None:
        """Forget one dead letter."""
        await self._call("DELETE", f"/dead-letters/{_segment('trace_id', trace_id)}", ())

    async def forget(self, before: datetime | str, *, dry_run: bool = False) -> JsonObject:
        """Forget notifications that ended before a time: `{"forgotten", "more", "dry_run"}`.

        One call forgets at most 10,000; while `more` is true, call again.
        """
        body = _given({"before": before, "dry_run": dry_run})
        return await self._call(
            "POST", "/notifications/forget", _FORGOTTEN, may_repeat=True, body=body
        )

    async def put_user(self, user_id: str, contact: Mapping[str, object]) -> JsonObject:
        """Store a user's addresses and preferred channel, in place of what was there."""
        path = f"/users/{_segment('user_id', user_id)}"
        return await self._call("PUT", path, _USER, may_repeat=True, body=dict(contact))

    async def changes(
        self,
        trace_id: str | None = None,
        *,
        last_event_id: str | None = None,
        on_reconnect: OnReconnect = log_reconnect,
    ) -> AsyncGenerator[JsonObject, None]:
        """Yield status changes as they happen: of one notification until it ends, or of all.

        Each is `{"event": "status", "id", "trace_id", "user_id", "channel", "status", "reason",
        "at"}`; its `id` may be given as `last_event_id` later. `{"event": "missed"}`, all else
        None, stands where some are no longer kept. When the connection breaks, or the gateway is
        restarted, `on_reconnect` is told why, and the changes go on after the last one.
        """
        one = None if trace_id is None else _segment("trace_id", trace_id)
        following = Following(
            gateway=self._gateway,
            path="/events" if one is None else f"/notifications/{one}/events",
            is_one=one is not None,
            last_event_id=last_event_id,
            on_reconnect=on_reconnect,
        )
        async with aclosing(following.changes()) as changes:
            async for change in changes:
                yield change

    async def _get(
        self, path: str, fields: Sequence[str], filters: Mapping[str, object] = _NO_FILTERS
    ) -> JsonObject:
        return await self._call("GET", path, fields, may_repeat=True, params=_given(filters))

    async def _call(
        self,
        method: str,
        path: str,
        fields: Sequence[str],
        *,
        may_repeat: bool = False,
        body: JsonObject | None = None,
        **options: Any,  # noqa: ANN401 - those of httpx
    ) -> JsonObject:
        if body is not None:
            options["content"] = _encoded(body)
            options["headers"] = {"Content-Type": "application/json"} | options.get("headers", {})
        return await self._gateway.call(
            method, path, fields=fields, may_repeat=may_repeat, **options
        )


def _segment(name: str, value: str) -> str:
    if not value:
        raise _invalid(f"/{name}", "must not be empty")
    return quote(value, safe="", errors="surrogatepass").replace(".", "%2E")


def _header(name: str, value: str) -> bytes:
    if not value.isprintable():
        raise _invalid(f"/header/{name}", "must be printable")
    return value.encode()


def _invalid(pointer: str, message: str) -> Refused:
    """Return what the service would say if the value could be put to it."""
    fault = {"pointer": pointer, "code": "invalid_value", "message": message}
    return Refused(422, "invalid_request", "The request is invalid", [fault])


def _given(fields: Mapping[str, object]) -> JsonObject:
    return {name: _plain(value) for name, value in fields.items() if value is not None}


def _plain(value: object) -> object:
    """Return times as the API has them; all else as it is."""
    if not isinstance(value, datetime):
        return value
    if value.tzinfo is None:
        raise ValueError(f"{value} must say its offset from UTC, as datetime.now(UTC) does")
    return value.isoformat()


def _encoded(body: JsonObject) -> bytes:
    # Escapes would make six bytes of two: the gateway limits bodies by their size.
    return json.dumps(body, ensure_ascii=False, allow_nan=False).encode(errors="surrogatepass")
