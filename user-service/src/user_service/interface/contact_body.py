"""The body that stores a user: on each channel an address, or a list of them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from notification_contracts.channels import CHANNELS, AddressKind, ChannelName
from notification_contracts.events import NO_CONTROL_CHARACTERS
from notification_contracts.http import ADDRESSES_PER_CHANNEL, KnownChannel
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, create_model
from service_kit.http.fields import FieldError

from user_service.application.store_user import PREFERRED_CHANNEL, Given, GivenAddress

LABEL_MAX_CHARS: Final = 64
ADDRESSES: Final = "addresses"

_LONGEST: Final = max(kind.max_chars for kind in AddressKind)

# Pydantic names the form that it took in an error's place. No field has such a name.
_TEXT, _LIST, _OBJECT = ":text", ":list", ":object"
_FORMS: Final = frozenset({_TEXT, _LIST, _OBJECT})


def _shown() -> Any:  # noqa: ANN401 - pydantic's own
    return Field(default=None, json_schema_extra={"readOnly": True}, description="Is not read.")


class LabelledAddress(BaseModel):
    """An address and what to call it. What `addresses` shows besides may be sent back."""

    model_config = ConfigDict(extra="forbid")

    address: str = Field(max_length=_LONGEST)
    label: str | None = Field(
        default=None,
        max_length=LABEL_MAX_CHARS,
        pattern=NO_CONTROL_CHARACTERS,
        description="What to call it in timelines.",
        examples=["Ada's phone"],
    )
    added_at: Any = _shown()
    last_used_at: Any = _shown()
    health: Any = _shown()
    suppression: Any = _shown()


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


def _text_or_list(value: object) -> str:
    return _LIST if isinstance(value, list) else _TEXT


def _text_or_object(value: object) -> str:
    return _OBJECT if isinstance(value, dict) else _TEXT


_Item = Annotated[
    Annotated[Annotated[str, Field(max_length=_LONGEST)], Tag(_TEXT)]
    | Annotated[LabelledAddress, Tag(_OBJECT)],
    Discriminator(_text_or_object),
]
_Items = Annotated[list[_Item], Field(max_length=ADDRESSES_PER_CHANNEL)]


def contact_body_model() -> type[BaseModel]:
    """Build the model. Made when called, so that channels registered before are included."""
    given: dict[str, Any] = {
        name: (
            _one_or_many(channel.address_kind) | None,
            Field(default=None, description=f"{channel.address_kind} address, or up to 20"),
        )
        for name, channel in CHANNELS.items()
    }
    lists: dict[str, Any] = dict.fromkeys(CHANNELS, (_Items | None, None))
    given_back: Any = create_model("GivenAddresses", __base__=_Strict, **lists) | None
    return create_model(
        "Contact",
        __base__=_Strict,
        **given,
        preferred_channel=(KnownChannel | None, None),
        addresses=(
            given_back,
            Field(
                default=None,
                description="As it was given out. It counts for a channel whose own field is not "
                "given, or is one of these.",
            ),
        ),
        # A client may send back what it was given, so the body may name the user, too.
        user_id=(str | None, None),
    )


def _one_or_many(kind: AddressKind) -> Any:  # noqa: ANN401 - an annotation
    text = Annotated[Annotated[str, Field(max_length=kind.max_chars)], Tag(_TEXT)]
    return Annotated[text | Annotated[_Items, Tag(_LIST)], Discriminator(_text_or_list)]


def without_forms(error: FieldError) -> FieldError:
    """Return an error with the place that the client knows, `/email/1/address`."""
    root, *parts = error["pointer"].split("/")
    place = "/".join([root, *(part for part in parts if part not in _FORMS)])
    return {**error, "pointer": place}


def contact_in(document: Mapping[str, object]) -> tuple[Given, ChannelName | None]:
    """Return the addresses and the preference; what is not even text counts as an empty address."""
    preferred = document.get(PREFERRED_CHANNEL)
    given = {channel: _on_channel(channel, document) for channel in CHANNELS}
    return given, preferred if isinstance(preferred, str) else None


def _on_channel(channel: ChannelName, document: Mapping[str, object]) -> Sequence[GivenAddress]:
    own = document.get(channel)
    if isinstance(own, list):
        return _all(own, f"/{channel}")
    given_back = document.get(ADDRESSES)
    listed = given_back.get(channel) if isinstance(given_back, dict) else None
    if isinstance(listed, list):
        found = _all(listed, f"/{ADDRESSES}/{channel}")
        if channel not in document or any(own == each.address for each in found):
            return found
    return () if own is None else [_one(own, f"/{channel}")]


def _all(values: Sequence[object], place: str) -> Sequence[GivenAddress]:
    return [_one(value, f"{place}/{index}") for index, value in enumerate(values)]


def _one(value: object, place: str) -> GivenAddress:
    if not isinstance(value, dict):
        return GivenAddress(place=place, address=value if isinstance(value, str) else "")
    address, label = value.get("address"), value.get("label")
    return GivenAddress(
        place=f"{place}/address",
        address=address if isinstance(address, str) else "",
        label=label if isinstance(label, str) else None,
    )
