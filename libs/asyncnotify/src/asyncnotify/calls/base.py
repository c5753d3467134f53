"""How a call is put together, and what its answer becomes."""

import json
from collections.abc import AsyncGenerator, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar
from urllib.parse import quote
from uuid import uuid4

from asyncnotify.answers import JsonObject
from asyncnotify.errors import Invalid
from asyncnotify.gateway import Gateway
from asyncnotify.models.base import Answer, Page

PAGE_SIZE: Final = 100
_NO_FILTERS: Final[Mapping[str, object]] = {}

A = TypeVar("A", bound=Answer)


class Calls:
    """Calls of one gateway; one that is not GET is repeated only with `may_repeat`."""

    _gateway: Gateway

    async def _get(
        self, answer: type[A], path: str, filters: Mapping[str, object] = _NO_FILTERS
    ) -> A:
        return await self._ask(answer, "GET", path, may_repeat=True, params=given(filters))

    async def _ask(
        self,
        answer: type[A],
        method: str,
        path: str,
        *,
        may_repeat: bool = False,
        body: Mapping[str, object] | None = None,
        **options: Any,  # noqa: ANN401 - those of `Gateway.call`
    ) -> A:
        return answer(
            await self._gateway.call(
                method,
                path,
                fields=answer.required,
                may_repeat=may_repeat,
                **_with_body(options, body),
            )
        )

    async def _do(
        self, method: str, path: str, *, body: Mapping[str, object] | None = None
    ) -> None:
        """Make a call that has no answer but that it is done."""
        await self._gateway.call(method, path, fields=(), may_repeat=False, **_with_body({}, body))

    async def _pages(
        self, page: type[Page[A]], path: str, limit: int | None, filters: Mapping[str, object]
    ) -> AsyncGenerator[A, None]:
        """Yield what is on all pages, at most `limit`."""
        left, cursor = limit, None
        while left is None or left > 0:
            size = PAGE_SIZE if left is None else min(left, PAGE_SIZE)
            found = await self._get(page, path, {**filters, "limit": size, "cursor": cursor})
            for each in found.entries[:left]:
                yield each
            left = None if left is None else left - len(found["items"])
            cursor = found.next_cursor
            if cursor is None:
                return


def segment(name: str, value: str) -> str:
    """Return a value as one segment of a path."""
    if not value:
        raise _invalid(f"/{name}", "must not be empty")
    return quote(value, safe="", errors="surrogatepass").replace(".", "%2E")


def idempotency_header(key: str | None) -> dict[str, bytes]:
    """Return the header that makes one of several attempts: with this key, or one of its own."""
    value = key or uuid4().hex
    if not value.isprintable():
        raise _invalid("/header/idempotency-key", "must be printable")
    return {"Idempotency-Key": value.encode()}


def given(fields: Mapping[str, object]) -> JsonObject:
    """Return the fields that have a value; times as the API has them.

    Raises:
        ValueError: a time does not say its offset from UTC.
    """
    return {name: _plain(value) for name, value in fields.items() if value is not None}


def _with_body(options: JsonObject, body: Mapping[str, object] | None) -> JsonObject:
    if body is None:
        return options
    headers = {"Content-Type": "application/json"} | options.get("headers", {})
    return options | {"content": _encoded(body), "headers": headers}


def _invalid(pointer: str, message: str) -> Invalid:
    """Return what the service would say if the value could be put to it."""
    fault = {"pointer": pointer, "code": "invalid_value", "message": message}
    return Invalid(422, "invalid_request", "The request is invalid", [fault])


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if not isinstance(value, datetime):
        return value
    if value.tzinfo is None:
        raise ValueError(f"{value} must say its offset from UTC, as datetime.now(UTC) does")
    return value.isoformat()


def _encoded(body: Mapping[str, object]) -> bytes:
    # Escapes would make six bytes of two: the gateway limits bodies by their size.
    return json.dumps(body, ensure_ascii=False, allow_nan=False).encode(errors="surrogatepass")
