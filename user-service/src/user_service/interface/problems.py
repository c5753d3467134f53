from datetime import timedelta

from service_kit.http.openapi_parts import refusals
from service_kit.http.problems import Problem, ProblemTable

from user_service.application.ports import NotSuppressed, UnknownUser, UsersUnavailable

USER_NOT_FOUND = Problem(404, "user_not_found", "No user has this id")
NOT_SUPPRESSED = Problem(404, "not_suppressed", "Nothing suppresses this address")
USERS_UNAVAILABLE = Problem(
    503, "users_unavailable", "Users cannot be looked up now", timedelta(seconds=2)
)

PROBLEMS: ProblemTable = {
    NotSuppressed: NOT_SUPPRESSED,
    UnknownUser: USER_NOT_FOUND,
    UsersUnavailable: USERS_UNAVAILABLE,
}

UNAVAILABLE = refusals(USERS_UNAVAILABLE)
NOT_FOUND_OR_UNAVAILABLE = refusals(USER_NOT_FOUND, USERS_UNAVAILABLE)
NOT_SUPPRESSED_OR_UNAVAILABLE = refusals(NOT_SUPPRESSED, USERS_UNAVAILABLE)
