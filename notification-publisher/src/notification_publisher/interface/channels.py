"""The operator's side: pausing channels."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Response
from notification_contracts.http.scopes import Scope, needs
from notification_ledger.channel_pauses import PausesNotKept
from notification_ledger.reading import LedgerUnavailable
from pydantic import BaseModel
from pydantic_core import to_json
from service_kit.http.openapi_parts import JSON, answer
from service_kit.http.paths import decode_segment
from service_kit.logs import get_logger

from notification_publisher.application.channels import (
    ChannelState,
    PauseChannel,
    ResumeChannel,
    ShowChannels,
)
from notification_publisher.application.ports import NoSuchChannel
from notification_publisher.interface.problems import refusals

log = get_logger(__name__)

ChannelInPath = Annotated[str, Path(description="The channel's name, such as `email`.")]


class ChannelStateView(BaseModel):
    """Whether a channel is paused, and since when."""

    channel: str
    is_paused: bool
    paused_at: datetime | None


class ChannelStatesView(BaseModel):
    """The channels, and which of them are paused."""

    items: list[ChannelStateView]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelUses:
    """What can be asked about channels; `changed` is called once one is paused or resumed."""

    show: ShowChannels
    pause: PauseChannel
    resume: ResumeChannel
    changed: Callable[[], None]


def channel_routes(uses: ChannelUses) -> APIRouter:
    """Build the operator's routes."""
    router = APIRouter(prefix="/channels", tags=["pipeline"], default_response_class=Response)

    @router.get(
        "",
        summary="List channels",
        responses=answer(200, "The channels.", ChannelStatesView) | refusals(LedgerUnavailable),
    )
    async def list_channels() -> Response:
        """Tells which channels are paused."""
        return Response(to_json({"items": await uses.show()}), media_type=JSON)

    @router.post(
        "/{channel}/pause",
        summary="Pause a channel",
        responses=answer(200, "The channel is paused.", ChannelStateView)
        | refusals(NoSuchChannel, PausesNotKept, LedgerUnavailable),
        openapi_extra=needs(Scope.OPERATE),
    )
    async def pause_channel(channel: ChannelInPath) -> Response:
        """Has every dispatcher take up nothing more on the channel, within about a second and until
        it is resumed, whatever restarts meanwhile. What is in flight is finished. What comes in
        waits behind the rest, high priority included, and expires if it must; other channels go on.
        """
        return _done("channel.paused", await uses.pause(decode_segment(channel)))

    @router.post(
        "/{channel}/resume",
        summary="Resume a channel",
        responses=answer(200, "The channel is not paused.", ChannelStateView)
        | refusals(NoSuchChannel, LedgerUnavailable),
        openapi_extra=needs(Scope.OPERATE),
    )
    async def resume_channel(channel: ChannelInPath) -> Response:
        """Lets what has waited go on, the most urgent first. It may be called twice."""
        return _done("channel.resumed", await uses.resume(decode_segment(channel)))

    def _done(event: str, state: ChannelState) -> Response:
        log.info(event, channel=state.channel)
        uses.changed()
        return Response(to_json(state), media_type=JSON)

    return router
