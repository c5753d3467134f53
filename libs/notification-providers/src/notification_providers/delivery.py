"""To whom messages may really go: `DELIVERY`, so that nobody is hurt while things are tried out.

    live              each message goes to its address
    fake              a fake provider stands in the place of every real one
    capture           a message is kept in the outbox, and goes nowhere
    redirect:ADDRESS  it goes to this address instead; on a channel without one it is captured
    allow:PATTERN,…   it goes to its address if a pattern matches, such as `*@example.com`; else it
                      is captured

All but what is replaced runs as ever: records, retries, limits, the provider's code.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, Self

from notification_contracts.channels import CHANNELS, AddressKind, ChannelName

from notification_providers.fake.outbox import FakeOutbox
from notification_providers.port import (
    Accepted,
    Diversion,
    OutgoingMessage,
    TransientFailure,
)

_LOOKS: Final[Sequence[tuple[re.Pattern[str], str]]] = (
    (re.compile(r"https?://\S+"), "url"),
    (re.compile(r"\+\d{5,15}"), AddressKind.PHONE),
    (re.compile(r"[^\s@]+@[^\s@]+"), AddressKind.EMAIL),
)
_NAMED: Final = re.compile(r"([a-z][a-z0-9_-]*)=(.+)")


class DeliveryMode(StrEnum):
    """The kinds of `DELIVERY`."""

    LIVE = "live"
    FAKE = "fake"
    CAPTURE = "capture"
    REDIRECT = "redirect"
    ALLOW = "allow"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPolicy:
    """What `DELIVERY` says. Addresses are personal, and stay out of `repr`."""

    mode: DeliveryMode = DeliveryMode.LIVE
    patterns: Sequence[str] = field(default=(), repr=False)
    targets: Mapping[ChannelName, str] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a value.

        Raises:
            ValueError: it is none. It says what is wrong.
        """
        name, _, rest = text.strip().partition(":")
        if name not in set(DeliveryMode):
            raise ValueError("must be live, fake, capture, redirect:ADDRESS or allow:PATTERN,…")
        mode = DeliveryMode(name)
        items = [item.strip() for item in rest.split(",") if item.strip()]
        needs = mode in {DeliveryMode.REDIRECT, DeliveryMode.ALLOW}
        if needs != bool(items):
            wanted = "needs at least one" if needs else "takes no"
            what = "pattern" if mode is DeliveryMode.ALLOW else "address"
            raise ValueError(f"{name} {wanted} {what}")
        if mode is DeliveryMode.REDIRECT:
            return cls(mode=mode, targets=_targets(items))
        return cls(mode=mode, patterns=tuple(map(str.lower, items)))

    def allows(self, address: str) -> bool:
        """Tell whether a pattern matches this address; its case does not matter."""
        return any(fnmatchcase(address.lower(), pattern) for pattern in self.patterns)


def _targets(items: Sequence[str]) -> Mapping[ChannelName, str]:
    targets: dict[ChannelName, str] = {}
    for item in items:
        named = _NAMED.fullmatch(item)
        if named and named[1] in CHANNELS:
            targets[named[1]] = named[2]
            continue
        kind = next((kind for looks, kind in _LOOKS if looks.fullmatch(item)), None)
        channels = [name for name, each in CHANNELS.items() if each.address_kind == kind]
        if not channels:
            raise ValueError("redirect: an address on other channels is CHANNEL=ADDRESS")
        targets.update(dict.fromkeys(channels, item))
    return targets


@dataclass(frozen=True, slots=True, kw_only=True)
class Diverter:
    """Applies a policy to each message, right before it would be handed to its provider."""

    delivery: DeliveryPolicy
    outbox: FakeOutbox | None = None

    @classmethod
    def of(cls, delivery: DeliveryPolicy, outbox: Path | None, now: Callable[[], datetime]) -> Self:
        """Make one that keeps what it captures in this file, if there is one."""
        kept_in = FakeOutbox(path=outbox, now=now) if outbox else None
        return cls(delivery=delivery, outbox=kept_in)

    def route(self, message: OutgoingMessage) -> tuple[OutgoingMessage, Diversion | None]:
        """Return what is to be sent, and how that differs from what was asked for."""
        match self.delivery.mode:
            case DeliveryMode.CAPTURE:
                return message, Diversion.CAPTURED
            case DeliveryMode.ALLOW if not self.delivery.allows(message.address):
                return message, Diversion.CAPTURED
            case DeliveryMode.REDIRECT:
                target = self.delivery.targets.get(message.channel)
                if target is None:
                    return message, Diversion.CAPTURED
                return replace(message, address=target), Diversion.REDIRECTED
        return message, None

    def capture(self, message: OutgoingMessage) -> Accepted | TransientFailure:
        """Keep a message in the outbox, if there is one."""
        mode = Diversion.CAPTURED
        failure = self.outbox.keep(message, mode=mode) if self.outbox is not None else None
        return failure or Accepted(diversion=mode)
