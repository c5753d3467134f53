"""The health of addresses: what is suppressed, its release, and the reports that lead to it."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request, Response
from notification_contracts.address_reports import ReportKind
from notification_contracts.channels import AddressKind
from notification_contracts.events import NO_CONTROL_CHARACTERS
from notification_contracts.http import KnownChannel, SuppressionView
from notification_contracts.http.scopes import Scope, needs
from notification_contracts.timestamps import Timestamp
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError, to_json
from service_kit.cursors import seal, unseal
from service_kit.http.bodies import parse_json_body, read_body
from service_kit.http.openapi_parts import INTERNAL, JSON, REMOVES, JsonObject, answer, json_body
from service_kit.http.pages import Cursor, Limit, read_cursor, read_page
from service_kit.http.paths import decode_segment

from user_service.application.address_health import (
    ListSuppressions,
    ReleaseAddress,
    ReportAddresses,
    place_of,
)
from user_service.application.ports import (
    AddressState,
    SuppressedAddress,
    SuppressionFilter,
    SuppressionPlace,
)
from user_service.domain.health import SUPPRESSING, AddressKey, HealthReport
from user_service.interface.documents import suppression_json
from user_service.interface.problems import NOT_SUPPRESSED_OR_UNAVAILABLE, UNAVAILABLE

MAX_REPORTS: Final = 100

_LISTING: Final = "suppressions"
_EVIDENCE_MAX_CHARS: Final = 1000
_ADDRESS_MAX_CHARS: Final = max(kind.max_chars for kind in AddressKind)


def _suppresses(kind: ReportKind) -> ReportKind:
    if kind not in SUPPRESSING:
        known = ", ".join(SUPPRESSING)
        raise PydanticCustomError("invalid_value", "must be one of {known}", {"known": known})
    return kind


SuppressionReason = Annotated[ReportKind, AfterValidator(_suppresses)]


class SuppressedAddressView(SuppressionView):
    """An address that is not sent to, and why."""

    channel: str
    address: str
    provider: str | None = Field(description="Who said so.")


class SuppressionPageView(BaseModel):
    """A page of suppressions, the newest first."""

    items: list[SuppressedAddressView]
    next_cursor: str | None


def _plain(words: str) -> str:
    """Cut words short, and take out what a line of a log cannot hold."""
    return "".join(char if char.isprintable() else " " for char in words[:_EVIDENCE_MAX_CHARS])


class AddressReportBody(BaseModel):
    """One thing that happened at an address."""

    model_config = ConfigDict(extra="forbid")

    channel: KnownChannel
    address: str = Field(
        min_length=1, max_length=_ADDRESS_MAX_CHARS, pattern=NO_CONTROL_CHARACTERS, repr=False
    )
    kind: ReportKind
    reason: str | None = Field(default=None, max_length=64, pattern=NO_CONTROL_CHARACTERS)
    evidence: Annotated[str, AfterValidator(_plain)] | None = Field(
        default=None, description="In the provider's words; what is too long is cut."
    )
    provider: str | None = Field(default=None, max_length=128, pattern=NO_CONTROL_CHARACTERS)
    at: Timestamp
    trace_id: str | None = Field(
        default=None,
        max_length=128,
        pattern=NO_CONTROL_CHARACTERS,
        description="All soft bounces of one notification count as one.",
    )

    def report(self) -> HealthReport:
        """Return what is reported."""
        return HealthReport(
            key=AddressKey(channel=self.channel, address=self.address),
            kind=self.kind,
            at=self.at,
            evidence=self.evidence or self.reason,
            provider=self.provider,
            trace_id=self.trace_id,
        )


class AddressReportsBody(BaseModel):
    """What happened at addresses."""

    model_config = ConfigDict(extra="forbid")

    reports: list[AddressReportBody] = Field(max_length=MAX_REPORTS)


class AddressResultView(BaseModel):
    """How an address is after a report; `removed` if it was a device's, and no user has it now."""

    channel: str
    address: str
    health: AddressState


class AddressResultsView(BaseModel):
    """How the addresses are after the reports, in the order of these."""

    results: list[AddressResultView]


_EXAMPLE: Final[JsonObject] = {
    "reports": [
        {
            "channel": "email",
            "address": "ada@example.com",
            "kind": "soft_bounce",
            "evidence": "452 4.2.2 mailbox full",
            "provider": "smtp",
            "at": "2027-01-31T09:00:00Z",
        }
    ]
}


def _path(description: str, example: str) -> Any:  # noqa: ANN401 - FastAPI's own
    return Path(description=description, openapi_examples={"a number": {"value": example}})


def suppression_routes(
    *, report: ReportAddresses, release: ReleaseAddress, list_suppressions: ListSuppressions
) -> APIRouter:
    """Build the routes about the health of addresses."""
    router = APIRouter(tags=["address health"], default_response_class=Response)

    @router.get(
        "/suppressions",
        name="list_suppressions",
        summary="List addresses that are not sent to",
        responses=answer(200, "A page.", SuppressionPageView) | UNAVAILABLE,
    )
    async def list_page(
        channel: Annotated[
            KnownChannel | None, Query(description="Only those on this channel.")
        ] = None,
        reason: Annotated[
            SuppressionReason | None, Query(description="Only those for this reason.")
        ] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Response:
        """Gives a page of what is suppressed now, the newest first."""
        wanted = SuppressionFilter(channel=channel, reason=reason)
        after = read_cursor(cursor, _place_in)
        page, last = await read_page(partial(list_suppressions, wanted, after=after), limit)
        body = {
            "items": [_item(each) for each in page],
            "next_cursor": last and seal(_LISTING, _text_of(place_of(last))),
        }
        return Response(to_json(body), media_type=JSON)

    @router.delete(
        "/suppressions/{channel}/{address}",
        summary="Release an address",
        status_code=204,
        responses=answer(204, "Released.") | NOT_SUPPRESSED_OR_UNAVAILABLE,
        openapi_extra=needs(Scope.OPERATE) | REMOVES,
    )
    async def release_address(
        channel: Annotated[str, _path("The address's channel.", "sms")],
        address: Annotated[str, _path("The address, percent-encoded.", "+12025550199")],
    ) -> Response:
        """Lets an address be sent to again, whatever it was suppressed for. What was reported
        before does not count any more.
        """
        await release(AddressKey(channel=decode_segment(channel), address=decode_segment(address)))
        return Response(status_code=204)

    _add_reports(router, report)
    return router


def _add_reports(router: APIRouter, report: ReportAddresses) -> None:
    @router.post(
        "/address-reports",
        summary="Report what happened at addresses",
        responses=answer(200, "Noted.", AddressResultsView) | UNAVAILABLE,
        openapi_extra=INTERNAL | json_body(AddressReportsBody, {"a soft bounce": _EXAMPLE}),
    )
    async def report_addresses(request: Request) -> Response:
        """Takes note of up to 100 reports, all or none. The same report may be made again."""
        given = parse_json_body(AddressReportsBody, await read_body(request)).reports
        states = await report([each.report() for each in given])
        return Response(to_json({"results": _results(given, states)}), media_type=JSON)


def _results(
    given: Sequence[AddressReportBody], states: Sequence[AddressState]
) -> list[JsonObject]:
    return [
        {"channel": each.channel, "address": each.address, "health": state}
        for each, state in zip(given, states, strict=True)
    ]


def _item(suppressed: SuppressedAddress) -> JsonObject:
    held, key = suppressed.suppression, suppressed.key
    return {
        "channel": key.channel,
        "address": key.address,
        **suppression_json(held),
        "provider": held.provider,
    }


def _text_of(place: SuppressionPlace) -> str:
    return f"{place.since.isoformat()} {place.digest}"


def _place_in(cursor: str) -> SuppressionPlace:
    since, _, digest = unseal(_LISTING, cursor).partition(" ")
    return SuppressionPlace(since=datetime.fromisoformat(since), digest=digest)
