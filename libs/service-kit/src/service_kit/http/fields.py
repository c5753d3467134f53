"""Field errors: what pydantic found, in words and codes that stay the same across its versions."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypedDict, get_args

from pydantic import ValidationError
from pydantic_core.core_schema import ErrorType

# More would only make the answer large; a client that sends so many has another problem.
_MAX_ERRORS = 100
_MAX_POINTER_CHARS = 256

_CODES = {
    "missing": "missing",
    "extra_forbidden": "unknown_field",
    "too_short": "too_short",
    "string_too_short": "too_short",
    "bytes_too_short": "too_short",
    "too_long": "too_long",
    "string_too_long": "too_long",
    "bytes_too_long": "too_long",
    "greater_than": "out_of_range",
    "greater_than_equal": "out_of_range",
    "less_than": "out_of_range",
    "less_than_equal": "out_of_range",
    "finite_number": "out_of_range",
    "int_parsing": "wrong_type",
    "int_from_float": "wrong_type",
    "float_parsing": "wrong_type",
    "bool_parsing": "wrong_type",
}
_BUILT_IN = frozenset(get_args(ErrorType))


class FieldError(TypedDict):
    """One bad field: where it is (RFC 6901), a stable code, and words for people."""

    pointer: str
    code: str
    message: str


def field_errors(error: ValidationError) -> list[FieldError]:
    """Describe every bad field. The pointer is "" for the body as a whole. No input is echoed.

    Codes: missing, unknown_field, too_short, too_long, out_of_range, wrong_type, invalid_value, and
    those of the model's own `PydanticCustomError`s as they are.
    """
    return as_field_errors(
        error.errors(include_url=False, include_input=False, include_context=False)
    )


def as_field_errors(
    details: Iterable[Mapping[str, object]], *, drop: str | None = None
) -> list[FieldError]:
    """Describe errors in pydantic's form; a location that begins with `drop` loses it."""
    return [_field_error(each, drop) for each, _ in zip(details, range(_MAX_ERRORS), strict=False)]


def _field_error(detail: Mapping[str, object], drop: str | None) -> FieldError:
    location = detail["loc"]
    parts = list(location) if isinstance(location, Sequence) else []
    if parts and parts[0] == drop:
        parts = parts[1:]
    message = str(detail["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return FieldError(pointer=_pointer(parts), code=_code(str(detail["type"])), message=message)


def _pointer(parts: Iterable[object]) -> str:
    escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in parts)
    return "".join(f"/{part}" for part in escaped)[:_MAX_POINTER_CHARS]


def _code(kind: str) -> str:
    if kind in _CODES:
        return _CODES[kind]
    if kind not in _BUILT_IN:
        return kind
    return "wrong_type" if kind.endswith("_type") else "invalid_value"
