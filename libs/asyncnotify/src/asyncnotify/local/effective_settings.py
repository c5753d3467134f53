"""Which settings the services would have here, and where each comes from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from itertools import zip_longest
from typing import Final, cast

from pydantic_settings import BaseSettings
from service_kit.settings import SettingRow, comma_separated, documented_settings

from asyncnotify.local.settings import UpSettings

GROUP: Final = "asyncnotify.settings"
"""Entry points of the services: a class of settings, or a function that makes it."""

DEFAULT: Final = "default"
_MASK: Final = "***"


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveSetting:
    """One setting of one service. The value of one that may hold a secret is masked."""

    service: str
    name: str
    value: str
    origin: str


def effective_settings(
    environment: Mapping[str, str], dotenv: Mapping[str, str]
) -> Iterator[EffectiveSetting]:
    """List all settings, as the environment and, where it says nothing, `.env` have them."""
    for service, cls in sorted(_classes().items()):
        for row in documented_settings(cls):
            value, origin = _effective(row, environment, dotenv)
            yield EffectiveSetting(service=service, name=row.name, value=value, origin=origin)


def _classes() -> Mapping[str, type[BaseSettings]]:
    found: dict[str, type[BaseSettings]] = {"asyncnotify up": UpSettings}
    for each in entry_points(group=GROUP):
        loaded = each.load()
        found[each.name] = cast(
            type[BaseSettings], loaded if isinstance(loaded, type) else loaded()
        )
    return found


def _effective(
    row: SettingRow, environment: Mapping[str, str], dotenv: Mapping[str, str]
) -> tuple[str, str]:
    said = {**dotenv, **environment}
    for name, file in zip_longest((row.name, *row.aliases), row.files, fillvalue=""):
        if value := said.get(name):
            origin = "environment" if environment.get(name) else ".env"
            origin = origin if name == row.name else f"{origin}, {name}"
            return _masked(value) if row.files else value, origin
        if file and (path := said.get(file)):
            return _MASK, f"file {path}"
    return row.default, DEFAULT


def _masked(value: str) -> str:
    """Leave of each URL what it begins with: even a host may be a token."""
    parts = (item.partition("://") for item in comma_separated(value))
    return ", ".join(
        f"{scheme}://{_MASK if rest else ''}" if is_url else _MASK for scheme, is_url, rest in parts
    )
