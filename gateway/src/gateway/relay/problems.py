"""The gateway's own errors, and the problem documents that clients get for them."""

from datetime import timedelta
from typing import Final

from pydantic import BaseModel, ValidationError
from service_kit.http.client import UpstreamResponse
from service_kit.http.problems import Problem, ProblemTable

# A service that its supervisor starts again is back after about this time.
_SOON: Final = timedelta(seconds=2)

UNSUPPORTED_ENCODING: Final = Problem(
    415, "unsupported_encoding", "The body is compressed; send it as it is"
)


class ServiceDown(Exception):
    """Raised when the service cannot be reached; the call was not carried out."""


class ServiceSilent(Exception):
    """Raised when the service does not answer in time; the call may have been carried out."""


class ServiceBroken(Exception):
    """Raised when the service breaks off, or its answer is of no use to a client.

    The call may have been carried out.
    """


PROBLEMS: Final[ProblemTable] = {
    ServiceDown: Problem(
        503,
        "upstream_unavailable",
        "A part of the system cannot be reached; nothing was done",
        _SOON,
    ),
    ServiceSilent: Problem(
        503, "upstream_timeout", "A part of the system did not answer in time", _SOON
    ),
    ServiceBroken: Problem(503, "upstream_failed", "A part of the system failed", _SOON),
}


class _Check(BaseModel):
    status: str
    error: str = ""


class _NotReady(BaseModel):
    checks: dict[str, _Check]


def why_not_ready(answer: UpstreamResponse) -> str:
    """Say in a line what a service's readiness says of its failing checks."""
    try:
        checks = _NotReady.model_validate_json(answer.body).checks
    except ValidationError:
        return f"not ready, it answered {answer.status}"
    failing = [f"{name}: {each.error}" for name, each in checks.items() if each.status != "ok"]
    return f"not ready: {'; '.join(failing)}"
