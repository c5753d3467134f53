"""The lab's own calls: what arrived, and which faults are to come."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from pydantic import ValidationError
from service_kit.http.fields import FieldError, field_errors
from service_kit.http.problems import INVALID_REQUEST, MEDIA_TYPE, NOT_FOUND, problem_document

from asyncnotify_lab.faults import Scripted, UnknownFault, WireFault
from asyncnotify_lab.http import Answer, Request, Route
from asyncnotify_lab.state import LabState

_FILTERS: Final = ("wire", "kind", "to", "before", "limit")


class LabApi:
    """Answers under `/lab`."""

    def __init__(self, state: LabState, describe: Callable[[], dict[str, Any]]) -> None:
        self._state = state
        self._describe = describe

    def routes(self) -> Sequence[Route]:
        """Return what it answers."""
        return [
            Route("GET", "/health/live", self.health),
            Route("GET", "/health/ready", self.health),
            Route("GET", "/lab", self.about),
            Route("GET", "/lab/messages", self.messages),
            Route("DELETE", "/lab/messages", self.forget),
            Route("GET", "/lab/messages/{id}/raw", self.raw),
            Route("GET", "/lab/receipts", self.receipts),
            Route("GET", "/lab/faults", self.faults),
            Route("POST", "/lab/faults", self.add_fault),
            Route("DELETE", "/lab/faults", self.clear_faults),
            Route("DELETE", "/lab/faults/{id}", self.clear_fault),
        ]

    async def health(self, _: Request) -> Answer:
        """Say that it works."""
        return Answer(body={"status": "ok"})

    async def about(self, _: Request) -> Answer:
        """Say where the lab listens, and what providers are told."""
        return Answer(body=self._describe())

    async def messages(self, request: Request) -> Answer:
        """List what arrived, the oldest first."""
        if unknown := sorted(request.query.keys() - set(_FILTERS)):
            return _invalid([_field(unknown[0], f"there is {', '.join(_FILTERS)}")])
        limit = request.query.get("limit")
        if limit is not None and not (limit.isdecimal() and int(limit)):
            return _invalid([_field("limit", "must be a number from 1")])
        filters = {name: text for name, text in request.query.items() if name != "limit"}
        most = int(limit) if limit else None
        found = self._state.messages.find(limit=most, **filters)
        return Answer(body={"messages": [each.as_json() for each in found]})

    async def raw(self, request: Request) -> Answer:
        """Return one message as it came."""
        message = self._state.messages.get(request.params["id"])
        return Answer(body=message.raw) if message else _not_found()

    async def forget(self, _: Request) -> Answer:
        """Forget all messages."""
        self._state.messages.clear()
        return Answer(status=204)

    async def receipts(self, _: Request) -> Answer:
        """List the callbacks that were made, and how they were answered."""
        return Answer(body={"receipts": [each.as_json() for each in self._state.receipts.posted]})

    async def faults(self, _: Request) -> Answer:
        """List the faults, and how often each happened."""
        return Answer(body={"faults": [_shown(each) for each in self._state.faults.listed()]})

    async def add_fault(self, request: Request) -> Answer:
        """Script a fault."""
        try:
            fault = WireFault.model_validate_json(request.body)
            return Answer(status=201, body=_shown(self._state.faults.add(fault)))
        except ValidationError as error:
            return _invalid(field_errors(error))
        except UnknownFault as error:
            return _invalid([_field(error.field, str(error))])

    async def clear_faults(self, _: Request) -> Answer:
        """Forget all faults."""
        self._state.faults.clear()
        return Answer(status=204)

    async def clear_fault(self, request: Request) -> Answer:
        """Forget one fault."""
        found = self._state.faults.clear(request.params["id"])
        return Answer(status=204) if found else _not_found()


def _shown(scripted: Scripted) -> dict[str, Any]:
    fault = scripted.fault.model_dump(mode="json", exclude_defaults=True)
    return {"id": scripted.id, **fault, "happened": scripted.happened}


def _field(name: str, message: str) -> FieldError:
    return FieldError(pointer=f"/{name}", code="invalid_value", message=message)


def _invalid(errors: Sequence[FieldError]) -> Answer:
    document = problem_document(INVALID_REQUEST, errors=errors)
    return Answer(status=422, body=document, headers={"content-type": MEDIA_TYPE})


def _not_found() -> Answer:
    return Answer(
        status=404, body=problem_document(NOT_FOUND), headers={"content-type": MEDIA_TYPE}
    )
