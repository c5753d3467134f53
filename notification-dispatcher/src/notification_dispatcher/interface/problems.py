"""What each error of this service is answered with."""

from typing import Final

from service_kit.http import openapi_parts
from service_kit.http.openapi_parts import Responses
from service_kit.http.problems import Problem, ProblemTable

from notification_dispatcher.application.ports import UnknownChannel

PROBLEMS: Final[ProblemTable] = {
    UnknownChannel: Problem(404, "channel_not_found", "No channel has this name"),
}


def refusals(*errors: type[Exception]) -> Responses:
    """Describe what a call is answered with when it fails in these ways."""
    return openapi_parts.refusals(*(PROBLEMS[error] for error in errors))
