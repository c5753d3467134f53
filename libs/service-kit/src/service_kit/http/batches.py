"""Calls that take many of what another call takes one of, and answer for each.

The body is `{"<name>": [...]}`. An item is answered as it would have been alone: one that is
refused keeps no other from being taken.
"""

import json
from collections.abc import Sequence
from math import ceil
from types import GenericAlias
from typing import Any, Final

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field, create_model

from service_kit.http.bodies import parse_json_body, read_body
from service_kit.http.openapi_parts import JSON, JsonObject, ProblemView, Responses, answer
from service_kit.http.problems import ProblemError, ProblemTable, problem_members, problem_of

MAX_ITEMS: Final = 500


class BatchItem(BaseModel):
    """What became of one item: `status` is the HTTP status that it would have been answered with.

    `problem` says why it was refused; its pointers begin at the item. `retry_after` are the seconds
    after which the item may be sent again.
    """

    status: int = Field(examples=[202])
    problem: ProblemView | None = None
    retry_after: int | None = None


def batch_model(title: str, name: str, item: Any) -> type[BaseModel]:  # noqa: ANN401 - a type
    """Describe a body of up to 500 of these items under `name`.

    The list may hold anything: an item that is something else is refused in its place.
    """
    bounds = Field(min_length=1, max_length=MAX_ITEMS)
    fields: dict[str, Any] = {name: (GenericAlias(list, (item | Any,)), bounds)}
    return create_model(title, __config__=ConfigDict(extra="forbid"), **fields)


def batch_answers(title: str, item: type[BatchItem], example: Sequence[JsonObject]) -> Responses:
    """Describe the answer: an item for each that was sent, in the same order."""
    fields: dict[str, Any] = {"items": (GenericAlias(list, (item,)), ...)}
    model = create_model(title, **fields)
    words = "What became of each item, in the order in which they were sent."
    return answer(200, words, model, example={"items": list(example)})


async def read_batch(request: Request, model: type[BaseModel]) -> list[Any]:
    """Read a body that `batch_model` describes, with `object` for its items.

    Raises:
        ProblemError: it is not a list of 1 to 500 items under the one name.
    """
    parsed = parse_json_body(model, await read_body(request))
    (items,) = parsed.__dict__.values()
    return list(items)


def refused_item(error: Exception, table: ProblemTable) -> JsonObject:
    """Answer for an item what the error would have been answered with, had it been alone."""
    if isinstance(error, ProblemError):
        problem, detail, errors = error.problem, error.detail, list(error.errors)
    else:
        (problem, detail), errors = problem_of(error, table), []
    trace_id = getattr(error, "trace_id", None)
    members = problem_members(problem, detail=detail, errors=errors, trace_id=trace_id)
    refused: JsonObject = {"status": problem.status, "problem": members}
    if problem.retry_after is not None:
        refused["retry_after"] = ceil(problem.retry_after.total_seconds())
    return refused


def batch_response(items: Sequence[JsonObject]) -> Response:
    """Answer with what became of each item."""
    # ASCII only: a lone surrogate in a detail must not break the answer that complains about it.
    return Response(json.dumps({"items": items}), media_type=JSON)
