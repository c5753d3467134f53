"""The operator's side: how the providers are doing, and trying them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response
from notification_contracts.channels import ChannelName
from notification_contracts.events import NO_CONTROL_CHARACTERS
from notification_contracts.http.callers import NotForTestKeys, caller_of
from notification_contracts.http.scopes import Scope, needs
from notification_contracts.states import Reason
from notification_providers.port import Diversion, Repeating
from notification_providers.trial import Trial
from pydantic import BaseModel, ConfigDict, Field
from service_kit.http.bodies import parse_json_body, read_body
from service_kit.http.openapi_parts import JSON, answer, json_body
from service_kit.http.paths import decode_segment
from service_kit.logs import get_logger

from notification_dispatcher.application.ports import UnknownChannel
from notification_dispatcher.application.provider_states import ProviderState, ProviderStates
from notification_dispatcher.application.try_providers import TryProviders
from notification_dispatcher.interface.problems import refusals

log = get_logger(__name__)

_EXAMPLES: Final = {
    "check only": {},
    "send a test message": {"to": "ada@example.com"},
}

Schemes = Mapping[ChannelName, Sequence[str]]
"""The schemes of each channel's providers, in order."""


class ProviderView(BaseModel):
    """A provider of a channel, how it is doing, and what it can do; never its URL.

    `breaker` is how the dispatcher that answered sees it: `closed` lets all through, `open` nothing
    until `opens_until`, `half_open` one at a time. `reason` is set if the provider refused this
    system. `paused_until` is set while the provider wants no call.
    """

    name: str = Field(description="Its name in timelines, and in the address for its receipts.")
    scheme: str | None
    breaker: str
    reason: Reason | None
    opens_until: datetime | None
    paused_until: datetime | None
    repeating: Repeating = Field(
        description="What it costs to repeat a send that is uncertain: `idempotent` nothing, "
        "`askable` a question, `neither` perhaps a second message."
    )
    is_checkable: bool = Field(description="Whether it can be tried without sending anything.")
    is_askable: bool = Field(description="Whether it can be asked what became of a message.")
    gives_receipts: bool = Field(description="Whether `POST /receipts/{provider}` reads for it.")


class ChannelProvidersView(BaseModel):
    """The providers of a channel, in the order in which they are tried."""

    channel: str
    providers: list[ProviderView]


class ProvidersView(BaseModel):
    """The providers of each channel. `pauses_are_shared` by all dispatchers, or each its own.

    `delivery` says to whom messages really go: the mode of `DELIVERY`.
    """

    channels: list[ChannelProvidersView]
    pauses_are_shared: bool
    delivery: str


class TrialRequest(BaseModel):
    """How to try the providers of a channel."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: str | None = Field(
        default=None,
        min_length=1,
        max_length=4096,
        pattern=NO_CONTROL_CHARACTERS,
        description="An address to send a test message to, by each provider. Without it nothing is "
        "sent.",
    )


class CheckView(BaseModel):
    """Whether the provider lets this system in, and what it said."""

    is_ok: bool
    words: str


class SentView(BaseModel):
    """What became of the test message, and what the provider said."""

    outcome: str = Field(
        description="`accepted`, `transient`, `permanent`, `gone`, `misconfigured`, `uncertain`."
    )
    words: str
    message_id: str | None
    delivery_mode: Diversion | None = Field(description="Set if `DELIVERY` kept or redirected it.")


class TrialView(BaseModel):
    """What came of one provider. `check` is null if it can't be checked, `sent` if nothing was."""

    name: str
    is_ok: bool
    check: CheckView | None
    sent: SentView | None


class TrialsView(BaseModel):
    """What came of each provider of the channel, in the order in which they are tried."""

    channel: str
    providers: list[TrialView]


def provider_routes(states: ProviderStates, try_all: TryProviders, schemes: Schemes) -> APIRouter:
    """Build the operator's routes."""
    router = APIRouter(prefix="/providers", tags=["providers"], default_response_class=Response)

    @router.get(
        "",
        summary="List providers",
        responses=answer(200, "The providers.", ProvidersView),
    )
    async def list_providers() -> Response:
        """Gives the providers of each channel, in the order in which they are tried, with what may
        keep them from being called. Breakers are as one dispatcher sees them.
        """
        view = ProvidersView(
            channels=_by_channel(await states.states(), schemes),
            pauses_are_shared=states.pauses_are_shared,
            delivery=states.delivery,
        )
        return Response(view.model_dump_json(), media_type=JSON)

    @router.post(
        "/{channel}/test",
        name="try_providers",
        summary="Try a channel's providers",
        responses=answer(200, "What came of it.", TrialsView)
        | refusals(UnknownChannel, NotForTestKeys),
        openapi_extra=needs(Scope.OPERATE) | json_body(TrialRequest, _EXAMPLES),
    )
    async def try_providers(
        channel: Annotated[str, Path(description="The channel's name, such as `email`.")],
        request: Request,
    ) -> Response:
        """Connects to each provider of the channel and logs in, where that can be done without
        sending; with `to`, also sends a test message by each. `words` are the provider's own. It
        takes a few seconds; a provider that takes longer has failed.
        """
        asked = parse_json_body(TrialRequest, await read_body(request))
        if caller_of(request.scope["headers"]).is_test:
            raise NotForTestKeys("the providers of a channel are tried with a live key")
        trials = await try_all(decode_segment(channel), asked.to)
        for name, trial in trials.items():
            log.info("provider.tried", channel=channel, provider=name, is_ok=trial.is_ok)
        view = TrialsView(channel=channel, providers=[_view(*each) for each in trials.items()])
        return Response(view.model_dump_json(), media_type=JSON)

    return router


def _by_channel(states: Sequence[ProviderState], schemes: Schemes) -> list[ChannelProvidersView]:
    channels: dict[ChannelName, list[ProviderView]] = {}
    for each in states:
        providers, known = channels.setdefault(each.channel, []), schemes.get(each.channel, ())
        scheme = known[len(providers)] if len(providers) < len(known) else None
        providers.append(ProviderView.model_validate({**asdict(each), "scheme": scheme}))
    return [ChannelProvidersView(channel=name, providers=each) for name, each in channels.items()]


def _view(name: str, trial: Trial) -> TrialView:
    return TrialView.model_validate({"name": name, "is_ok": trial.is_ok, **asdict(trial)})
