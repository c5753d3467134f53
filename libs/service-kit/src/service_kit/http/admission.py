"""What is refused by its head alone, before anything of the application runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from sys import maxsize
from typing import Final

from service_kit.http.access import Access
from service_kit.http.connections import ON_RESERVE
from service_kit.http.exchange import BodyTooLarge, Exchange
from service_kit.http.internal_token import UNKNOWN_CALLER, InternalToken
from service_kit.http.problems import BODY_TOO_LARGE, TOO_MANY_CONNECTIONS, Problem

INVALID_LENGTH = Problem(400, "invalid_content_length", "Content-Length is not a number")
TOO_MANY_HEADERS = Problem(431, "too_many_headers", "The request has too many headers")
MISSING_HOST = Problem(400, "missing_host", "The request has no Host")
UNKNOWN_CODING = Problem(
    400, "unknown_transfer_coding", "No Transfer-Encoding but chunked is understood"
)

# Each costs time in every service that it passes; browsers and proxies send about twenty.
_MAX_HEADERS: Final = 100
# Digits: a body below 100,000 bytes.
_SMALL_LENGTH: Final = 5
_HEALTH: Final = "/health/"
_METRICS: Final = "/metrics"


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
            admitted = (_HEALTH, _METRICS, *self.for_operators)
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
        return _refuse_form(exchange) or self._refuse_length(exchange.declared)

    def admits_plain_post(self, headers: Mapping[bytes, bytes]) -> bool:
        """Tell whether a POST is certainly not refused, and its body comes in one or two pieces.

        None of its headers came twice, and no page of a browser sent it.
        """
        host, length = headers.get(b"host"), headers.get(b"content-length", b"")
        if host is None or len(headers) > _MAX_HEADERS or not length.isdigit():
            return False
        if len(length) > _SMALL_LENGTH or self._refuse_length(length) is not None:
            return False
        if self.access is not None and self.access.refusal("POST", host, None, None) is not None:
            return False
        token = headers.get(b"x-internal-token")
        return self.token is None or (token is not None and self.token.admits(token))

    def _knows(self, exchange: Exchange) -> bool:
        given = exchange.internal_token
        if self.token is None:
            return True
        if given is None:
            path: str = exchange.scope["path"]
            return path.startswith(_HEALTH) or path == _METRICS
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


def _refuse_form(exchange: Exchange) -> tuple[Problem, str | None] | None:
    """Refuse what another server on the way may read in another way than this one (RFC 9112)."""
    scope = exchange.scope
    if len(scope["headers"]) > _MAX_HEADERS:
        return TOO_MANY_HEADERS, f"At most {_MAX_HEADERS} are accepted."
    if exchange.host is None and scope["http_version"] == "1.1":
        return MISSING_HOST, None
    if exchange.coding is not None and exchange.coding.lower() != b"chunked":
        return UNKNOWN_CODING, None
    return None
