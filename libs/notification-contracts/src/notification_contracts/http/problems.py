"""Errors, as RFC 9457 has them."""

from pydantic import BaseModel


class FieldError(BaseModel):
    """One bad field: where it is (RFC 6901), a stable code, and words for people."""

    pointer: str
    code: str
    message: str


class ProblemView(BaseModel):
    """An error. `code` is for programs, `detail` and the messages in `errors` are for people."""

    type: str
    title: str
    status: int
    code: str
    detail: str | None = None
    trace_id: str | None = None
    request_id: str | None = None
    errors: list[FieldError] | None = None
