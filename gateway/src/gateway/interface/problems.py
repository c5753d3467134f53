"""The gateway's own errors, as problem documents."""

from datetime import timedelta
from typing import Final

from service_kit.http.problems import Problem, ProblemTable

from gateway.application.ports import UpstreamBroken, UpstreamDown, UpstreamSilent

# A service that its supervisor starts again is back after about this time.
_SOON: Final = timedelta(seconds=2)

PROBLEMS: Final[ProblemTable] = {
    UpstreamDown: Problem(
        503,
        "upstream_unavailable",
        "A part of the system cannot be reached; nothing was done",
        _SOON,
    ),
    UpstreamSilent: Problem(
        503, "upstream_timeout", "A part of the system did not answer in time", _SOON
    ),
    UpstreamBroken: Problem(503, "upstream_failed", "A part of the system failed", _SOON),
}

UNSUPPORTED_ENCODING: Final = Problem(
    415, "unsupported_encoding", "The body is compressed; send it as it is"
)
