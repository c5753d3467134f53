"""Requests and answers, whatever version of HTTP they came by; and what a wire on HTTP is."""

import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Final, Self
from urllib.parse import parse_qsl, urlsplit

from service_kit.logs import get_logger
from starlette.routing import compile_path

from asyncnotify_lab.faults import RECEIPT, RECEIVED, TAKEN, HangUp, Weakness, WireFault
from asyncnotify_lab.messages import Arrival
from asyncnotify_lab.receipts import Make, Mishap
from asyncnotify_lab.state import LabState, Then

log = get_logger(__name__)
JSON: Final = "application/json"


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request. `url` is as the client wrote it, `headers` have names in lower case.

    `params` are the parts of the path that the route names, as in `/3/device/{token}`.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    version: str = "1.1"
    params: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def path(self) -> str:
        """The path, without the query."""
        return urlsplit(self.url).path

    @cached_property
    def query(self) -> Mapping[str, str]:
        """The query's fields."""
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))

    def form(self) -> dict[str, str]:
        """Return the body's fields, of a form."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def json(self) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Return what the body holds; None if it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer: `body` is text, bytes, or what becomes JSON."""

    status: int = 200
    body: Any = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """The body as it is sent."""
        if isinstance(self.body, bytes):
            return self.body
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()

    @property
    def sent_headers(self) -> dict[str, str]:
        """The headers as they are sent, with the type of the body."""
        if not self.body and not isinstance(self.body, (dict, list)):
            return dict(self.headers)
        is_text = isinstance(self.body, (str, bytes))
        return {"content-type": "text/plain; charset=utf-8" if is_text else JSON, **self.headers}

    def delayed(self, retry_after: float | None) -> Self:
        """Return it with a `Retry-After`, if it is to have one."""
        if retry_after is None:
            return self
        return replace(self, headers={**self.headers, "retry-after": f"{retry_after:g}"})


Handler = Callable[[Request], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """What answers a method and a path; parts of the path may be named, as in `/users/{id}`."""

    method: str
    path: str
    handler: Handler


class Router:
    """Finds what answers a request."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = [(compile_path(each.path)[0], each) for each in routes]

    async def answer(self, request: Request) -> Answer:
        """Answer a request.

        Raises:
            HangUp: it is not to be answered.
        """
        found = [
            (match, route) for regex, route in self._routes if (match := regex.match(request.path))
        ]
        for match, route in found:
            if route.method == request.method:
                try:
                    return await route.handler(replace(request, params=match.groupdict()))
                except HangUp:
                    raise
                except Exception:
                    log.exception("wire_failed", path=route.path)
                    return Answer(status=500, body="The lab has a defect; its log shows it.\n")
        if found:
            allowed = ", ".join(sorted({route.method for _, route in found}))
            return Answer(status=405, headers={"allow": allowed})
        return Answer(status=404, body=f"The lab has no wire at {request.path}\n")


class HttpWire(ABC):
    """A provider's wire over HTTP. To add one, see docs/providers/lab.md.

    `named` are the answers that a fault can ask for by a word: `gone`, `throttled`,
    `unauthorized` and `unavailable` as the provider itself says it, and more if there is more.
    """

    name: ClassVar[str]
    kind: ClassVar[str]
    named: ClassVar[Mapping[str, Answer]] = {}
    has_receipts: ClassVar[bool] = False
    """Whether it calls back, to say what became of a message."""

    def __init__(self, state: LabState) -> None:
        self._state = state

    @classmethod
    def weakness(cls) -> Weakness:
        """Return which faults it can have."""
        answers = dict.fromkeys(cls.named, RECEIVED)
        if not cls.has_receipts:
            return Weakness((RECEIVED, TAKEN), answers)
        return Weakness((RECEIVED, TAKEN, RECEIPT), answers | dict.fromkeys(Mishap, RECEIPT))

    @abstractmethod
    def routes(self) -> Sequence[Route]:
        """Return what it answers."""
        ...

    async def take(self, message: Arrival, then: Then | None = None) -> Answer | None:
        """Take a message over, with the faults that are scripted for it.

        Returns what is to be answered because of one. None: answer as the provider does. What is to
        be done `then` is done as soon as it was taken, whatever is answered.
        """
        fault = await self._state.take(message, then)
        return None if fault is None else self.answer_to(fault)

    async def report(self, message: Arrival, make: Make) -> None:
        """Call back to say what became of a message, with the faults that are scripted for that.

        It belongs into the second argument of `take`: what was taken has a receipt, whatever is
        answered. Unless it is to be early, it is made a moment later.
        """
        await self._state.receipts.report(message, make)

    def answer_to(self, fault: WireFault) -> Answer:
        """Return the answer that a fault asks for."""
        if fault.answer:
            answer = self.named[fault.answer]
            changes: dict[str, Any] = {"headers": {**answer.headers, **fault.headers}}
            if fault.body is not None or fault.text:
                changes["body"] = fault.text if fault.body is None else fault.body
            answer = replace(answer, **changes)
        else:
            body = fault.text if fault.body is None else fault.body
            answer = Answer(status=fault.status or 500, body=body, headers=fault.headers)
        return answer.delayed(fault.retry_after)
