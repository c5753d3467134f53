"""What is refused by its head alone, before anything of the application runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from sys import maxsize

from service_kit.http.access import Access
from service_kit.http.exchange import BodyTooLarge, Exchange
from service_kit.http.internal_token import UNKNOWN_CALLER, InternalToken
from service_kit.http.problems import BODY_TOO_LARGE, TOO_MANY_CONNECTIONS, Problem
from service_kit.http.protocol import ON_RESERVE

INVALID_LENGTH = Problem(400, "invalid_content_length", "Content-Length is not a number")

_ALWAYS_ADMITTED = ("/health/", "/metrics")


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The rules of one application.

    `max_body_bytes` bounds bodies, `access` says by which names it is asked and by whose pages.
    With a `token`, whatever lacks it is refused; health and metrics are for those without one,
    too, but not for who has a wrong one: he learns of it where he asks whether all is well.
    While there are too many connections, only health, metrics and paths that begin with one of
    `for_operators` are answered.
    """

    max_body_bytes: int | None = None
    access: Access | None = None
    token: InternalToken | None = None
    for_operators: Sequence[str] = ()

    def refusal(self, exchange: Exchange) -> tuple[Problem, str | None] | None:
        """Say why this request is refused, and in which words; None if it isn't."""
        scope = exchange.scope
        if ON_RESERVE in scope["state"]:
            admitted = (*_ALWAYS_ADMITTED, *self.for_operators)
            if not scope["path"].startswith(admitted):
                return TOO_MANY_CONNECTIONS, None
        if self.access is not None:
            refused = self.access.refusal(
                scope["method"], exchange.host, exchange.origin, exchange.fetch_site
            )
            if refused is not None:
                return refused
        if not self._knows(exchange):
            return UNKNOWN_CALLER, None
        return self._refuse_length(exchange.declared)

    def _knows(self, exchange: Exchange) -> bool:
        given = exchange.internal_token
        if self.token is None:
            return True
        if given is None:
            return bool(exchange.scope["path"].startswith(_ALWAYS_ADMITTED))
        return self.token.admits(given)

    def _refuse_length(self, declared: bytes | None) -> tuple[Problem, str | None] | None:
        if declared is None:
            return None
        if not declared.isdigit():
            return INVALID_LENGTH, None
        # Python refuses to parse numbers of thousands of digits.
        length = int(declared) if len(declared) < 20 else maxsize
        if self.max_body_bytes is not None and length > self.max_body_bytes:
            return BODY_TOO_LARGE, BodyTooLarge(self.max_body_bytes).detail
        return None
