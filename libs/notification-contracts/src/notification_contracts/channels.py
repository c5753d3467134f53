"""The channels by which a person can be reached.

To add one: register it in `BUILT_IN`, and give the dispatcher a provider for it. Every service
takes its channels from here: the publisher's validation, the users' addresses, the queues' names.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from notification_contracts.sms_size import sms_size

ChannelName = str


class AddressKind(StrEnum):
    """What an address on a channel looks like, and so which library validates it."""

    EMAIL = "email"
    PHONE = "phone"
    # What a push service calls a device, or a Web Push subscription as JSON.
    TOKEN = "token"  # noqa: S105 - no password
    URL = "url"
    TEXT = "text"

    @property
    def max_chars(self) -> int:
        """How long an address may be."""
        return _MAX_CHARS[self]


_MAX_CHARS = {
    AddressKind.EMAIL: 512,
    AddressKind.PHONE: 512,
    AddressKind.TOKEN: 4096,
    AddressKind.URL: 2048,
    AddressKind.TEXT: 2048,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """How a person is reached. A limit is None where the channel sets none.

    `max_sms_segments` is for texts that are sent in segments, see `sms_size`.
    """

    name: ChannelName
    address_kind: AddressKind
    max_message_chars: int | None = None
    max_sms_segments: int | None = None

    @property
    def goes_to_all(self) -> bool:
        """Whether a message goes to all of a user's addresses: each is a device of the user's."""
        return self.address_kind is AddressKind.TOKEN

    def too_long(self, message: str) -> str | None:
        """Say how much too long a message is for this channel; None if it is not."""
        limits = []
        if self.max_message_chars is not None and len(message) > self.max_message_chars:
            limits.append(f"{self.max_message_chars} characters, not {len(message)}")
        if self.max_sms_segments is not None:
            size = sms_size(message)
            if limits or size.segments > self.max_sms_segments:
                limits.append(f"{self.max_sms_segments} segments, this is {size}")
        return f"on {self.name} at most {' and '.join(limits)}" if limits else None


BUILT_IN = (
    Channel(name="email", address_kind=AddressKind.EMAIL),
    # 1,600 characters of any alphabet are 24 segments; in GSM-7 they are 11.
    Channel(
        name="sms", address_kind=AddressKind.PHONE, max_message_chars=1600, max_sms_segments=24
    ),
    Channel(name="push", address_kind=AddressKind.TOKEN, max_message_chars=4000),
    Channel(name="webhook", address_kind=AddressKind.URL),
    Channel(name="chat", address_kind=AddressKind.TEXT),
)

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_OTHER_FIELDS = frozenset({"user_id", "preferred_channel"})

CHANNELS: dict[ChannelName, Channel] = {channel.name: channel for channel in BUILT_IN}


def register(channel: Channel) -> None:
    """Make one more channel known. Call it before a service is built.

    Raises:
        ValueError: the name is taken by another channel, or can't be part of a queue's name and a
            field of a user's contact.
    """
    if not _NAME.fullmatch(channel.name) or channel.name in _OTHER_FIELDS:
        message = f"a channel's name is lower-case letters, digits, '_', '-': not {channel.name!r}"
        raise ValueError(message)
    if CHANNELS.get(channel.name, channel) != channel:
        message = f"channel {channel.name!r} is registered already, as something else"
        raise ValueError(message)
    CHANNELS[channel.name] = channel
