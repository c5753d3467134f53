"""The settings of the caps. They are part of the dispatcher's."""

from typing import Annotated, Final

from notification_contracts.channels import CHANNELS, AddressKind, ChannelName
from pydantic import AfterValidator, Field
from service_kit.settings import ServiceSettings

from notification_dispatcher.infrastructure.caps.caps import ChannelCaps, Countries, by_channel

PER_ADDRESS: Final = "sms=30"


def _counts(text: str) -> str:
    by_channel(text)
    return text


def _countries(text: str) -> str:
    Countries.parse(text)
    return text


class CapSettings(ServiceSettings):
    """How many messages may go where, whoever asks for them."""

    max_per_address_per_hour: Annotated[str, AfterValidator(_counts)] = Field(
        default=PER_ADDRESS,
        description="How many notifications an address may get in an hour, by channel: "
        "`sms=30,email=100`; more wait. `none` for no limit. The default counts where a provider "
        "is set that is no fake.",
    )
    max_per_day: Annotated[str, AfterValidator(_counts)] = Field(
        default="",
        description="How many notifications a channel may send in 24 hours: `sms=5000`; more wait.",
    )
    sms_countries: Annotated[str, AfterValidator(_countries)] = Field(
        default="",
        description="Countries (ISO 3166) to which SMS may go, each with how many in an hour if "
        "that is limited: `CH,DE=500,*=20`; `*` is any other. What goes elsewhere fails. By "
        "default anywhere.",
    )
    sms_pumping_numbers: int = Field(
        default=30,
        ge=0,
        description="How many different numbers of one range of a thousand, in ten minutes, are "
        "warned of as pumping; 0 to watch for none. Fakes alone are not watched.",
    )

    def caps_of(self, channel: ChannelName, *, is_real: bool) -> ChannelCaps:
        """Return a channel's caps. `is_real` says that one of its providers is no fake."""
        is_asked_for = "max_per_address_per_hour" in self.model_fields_set
        has_numbers = CHANNELS[channel].address_kind is AddressKind.PHONE
        per_address = by_channel(self.max_per_address_per_hour).get(channel)
        watched = has_numbers and is_real and self.sms_pumping_numbers
        return ChannelCaps(
            per_address=per_address if is_real or is_asked_for else None,
            per_day=by_channel(self.max_per_day).get(channel),
            countries=Countries.parse(self.sms_countries)
            if has_numbers and self.sms_countries
            else None,
            pumping_numbers=self.sms_pumping_numbers if watched else None,
        )
