"""What an operator caps: the values that the settings are read into."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import phonenumbers
from notification_contracts.channels import CHANNELS, ChannelName

NONE: Final = "none"
OTHERS: Final = "*"
NOWHERE: Final = "?"
_REGIONS: Final = frozenset(phonenumbers.SUPPORTED_REGIONS) | {"001"}  # 001: satellites and such
_COUNT: Final = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Countries:
    """To which countries messages may go, each with how many in an hour, None for any number."""

    limits: Mapping[str, int | None]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `CH,DE=500,*=20`.

        Raises:
            ValueError: it is no such list.
        """
        limits: dict[str, int | None] = {}
        for name, count in _pairs(text):
            region = name.upper()
            if region not in _REGIONS and region != OTHERS:
                raise ValueError(f"{name!r} is no country (ISO 3166), such as DE")
            limits[region] = _number(name, count) if count else None
        return cls(limits)

    def allow(self, country: str) -> bool:
        """Tell whether anything may go there."""
        return country in self.limits or OTHERS in self.limits

    def limit(self, country: str) -> int | None:
        """Return how many may go there in an hour; None for any number."""
        return self.limits.get(country, self.limits.get(OTHERS))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelCaps:
    """One channel's caps; None where there is none.

    `pumping_numbers` is how many numbers of one range in ten minutes are suspicious.
    """

    per_address: int | None = None
    per_day: int | None = None
    countries: Countries | None = None
    pumping_numbers: int | None = None

    @property
    def is_any(self) -> bool:
        """True when something is to be counted."""
        return any(
            cap is not None
            for cap in (self.per_address, self.per_day, self.countries, self.pumping_numbers)
        )


def by_channel(text: str) -> Mapping[ChannelName, int]:
    """Read `sms=30,email=100`, or `none`.

    Raises:
        ValueError: it is no such list, or names no channel.
    """
    counts = {}
    for name, count in _pairs("" if text.strip() == NONE else text):
        if name not in CHANNELS:
            raise ValueError(f"{name!r} is no channel; there are {', '.join(CHANNELS)}")
        counts[name] = _number(name, count)
    return counts


def country_of(number: str) -> str:
    """Return the country of a number in E.164, by ISO 3166; `?` if it has none."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return NOWHERE
    return phonenumbers.region_code_for_number(parsed) or NOWHERE


def _pairs(text: str) -> list[tuple[str, str]]:
    items = [item.strip() for item in text.split(",") if item.strip()]
    pairs = [(name.strip(), count.strip()) for name, _, count in (i.partition("=") for i in items)]
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("must not name the same twice")
    return pairs


def _number(name: str, text: str) -> int:
    if not _COUNT.fullmatch(text) or not int(text):
        raise ValueError(f"{name}= needs a whole number above 0")
    return int(text)
