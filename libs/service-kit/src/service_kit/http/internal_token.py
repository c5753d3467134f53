"""The secret that the services share: by it one knows another, and who lacks it is refused."""

from collections.abc import Mapping
from hmac import compare_digest
from typing import Final

from service_kit.http.problems import Problem
from service_kit.settings import ServiceSettings, comma_separated

HEADER: Final = "X-Internal-Token"
UNKNOWN_CALLER: Final = Problem(
    401,
    "unknown_caller",
    "Only the other services may ask this one",
    detail="Ask through the gateway; `INTERNAL_TOKEN` is what the services know each other by.",
)


def internal_token_of(settings: ServiceSettings) -> "InternalToken | None":
    """Give the secret that the settings name; None if they name none."""
    tokens = comma_separated(settings.internal_token)
    return InternalToken(*tokens) if tokens else None


def internal_headers(settings: ServiceSettings) -> Mapping[str, str]:
    """Give what the calls of another service have to carry."""
    token = internal_token_of(settings)
    return {} if token is None else token.headers


class InternalToken:
    """What is sent, and what is accepted: while a secret is changed there are two.

    Nothing of it is in its `repr`.
    """

    def __init__(self, sent: str, *also_accepted: str) -> None:
        self._sent = sent
        self._accepted = [each.encode("ascii") for each in (sent, *also_accepted)]

    @property
    def headers(self) -> Mapping[str, str]:
        """Return what a call has to carry."""
        return {HEADER: self._sent}

    def admits(self, given: bytes) -> bool:
        """Tell whether a call carries the secret, in a time that says nothing of it."""
        matches = [compare_digest(given, each) for each in self._accepted]
        return any(matches)
