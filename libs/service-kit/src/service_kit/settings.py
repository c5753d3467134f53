"""Settings: documented, frozen values that are read from the environment once, at start.

Only modules called `settings` read the environment; everything else gets plain values.
"""

import logging
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, AliasChoices, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from service_kit.secret_files import FILE_SUFFIX, UnusableSecretFile, secret_of

SettingsT = TypeVar("SettingsT", bound=BaseSettings)


EXIT_CODE_OF_INVALID_SETTINGS = 2
"""With it a service ends that is set up wrongly: starting it again would not help."""

_HOST = re.compile(r"\*|\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|[0-9A-Fa-f:]+:[0-9A-Fa-f:.]*")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9._-]+(:[0-9]{1,5})?")


def comma_separated(text: str) -> list[str]:
    """List the items of a setting that holds several, with commas or line ends between them."""
    return [item.strip() for item in re.split(r"[,\n]", text) if item.strip()]


def _hosts(text: str) -> str:
    for host in comma_separated(text):
        if not _HOST.fullmatch(host):
            advice = "no scheme, no port; `.example.com` for all subdomains"
            raise ValueError(f"{host!r} is not a host name: {advice}")
    return text


def _origins(text: str) -> str:
    for origin in comma_separated(text):
        if not _ORIGIN.fullmatch(origin):
            message = f"{origin!r} is not an origin such as https://example.com:8443"
            raise ValueError(message)
    return text


def _http_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        message = "must begin with http:// or https://, and name a host"
        raise ValueError(message)
    return url


HttpUrl = Annotated[str, AfterValidator(_http_url)]
"""Where a service is called."""


def _known_level(name: str) -> str:
    upper = name.upper()
    if upper not in logging.getLevelNamesMapping():
        message = "must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL"
        raise ValueError(message)
    return upper


_LEAST_SECRET_CHARS = 16


def _secrets(text: str) -> str:
    for secret in comma_separated(text):
        if len(secret) < _LEAST_SECRET_CHARS or not re.fullmatch(r"[!-~]+", secret):
            message = f"each must have {_LEAST_SECRET_CHARS} or more visible ASCII characters"
            raise ValueError(message)
    return text


class ServiceSettings(BaseSettings):
    """What every service can be told. Derive from it, and give each field a description.

    A field `broker_url` is read from `BROKER_URL`. A variable that is set but empty counts as not
    set, because that is what `${NAME:-}` in a compose file makes of a missing one. A field that may
    hold a secret has `repr=False`: it is also read from the file that `BROKER_URL_FILE` names.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        case_sensitive=False,
        env_ignore_empty=True,
        extra="ignore",
        hide_input_in_errors=True,
        populate_by_name=True,
    )

    retired: ClassVar[Mapping[str, str]] = {}
    """Variables of earlier releases, and what to do instead: one that is set stops the start."""

    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="How logs look: `json`, `console`, or `auto`: by terminal."
    )
    log_level: Annotated[str, AfterValidator(_known_level)] = Field(
        default="INFO", description="The least severe level that is logged."
    )
    max_connections: int = Field(
        default=2000,
        ge=1,
        le=1_000_000,
        description="Connections that may be open at once; a few more are kept for health, metrics "
        "and operators. Lowered, with a warning, if the limit of open files has no room for them.",
    )
    http_head_seconds: float = Field(
        default=10,
        gt=0,
        le=3600,
        description="How long a client may take to send a request's head.",
    )
    http_body_seconds: float = Field(
        default=30, gt=0, le=3600, description="How long a client may take to send a body."
    )
    http_idle_seconds: float = Field(
        default=75,
        gt=0,
        le=3600,
        description="How long a connection without a request is kept; longer than clients and "
        "balancers keep theirs.",
    )
    http_stalled_seconds: float = Field(
        default=30,
        gt=0,
        le=3600,
        description="How long a client may leave an answer unread.",
    )
    allowed_hosts: Annotated[str, AfterValidator(_hosts)] = Field(
        default="",
        description="Names that clients may call the service by (`Host`), besides loopback names, "
        "its own and the address it listens on; comma separated, `.example.com` for all below, "
        "`*` for any.",
    )
    allowed_origins: Annotated[str, AfterValidator(_origins)] = Field(
        default="",
        description="Origins whose pages may send requests that change something, such as "
        "`https://example.com`; comma separated. The service's own pages always may.",
    )
    internal_token: Annotated[str, AfterValidator(_secrets)] = Field(
        default="",
        repr=False,
        description="The secret by which the services know each other: if it is set, all but the "
        "gateway refuse calls without it. While it is changed, the new and the old one, comma "
        "separated: the first is sent, each is accepted.",
    )


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One variable as it is documented: its name, its default as text, and what it means.

    `aliases` are the further names that are tried, in order, if `name` is not set. One that may
    hold a secret has `files`: the variables that name a file to read it from.
    """

    name: str
    default: str
    description: str
    aliases: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


def load_settings(cls: type[SettingsT]) -> SettingsT:
    """Read the settings from the environment, and from the files that it names.

    On invalid input, prints one line per bad variable to stderr, never a value, and exits.

    Raises:
        SystemExit: with code `EXIT_CODE_OF_INVALID_SETTINGS`, if any variable is invalid, missing
            or retired, or a file that one names can't be used.
    """
    retired = cls.retired if issubclass(cls, ServiceSettings) else {}
    lines = [f"  {name}: {why}" for name, why in retired.items() if os.environ.get(name)]
    from_files, unusable = _from_files(cls)
    lines += unusable
    try:
        settings = cls(**from_files)
    except ValidationError as error:
        lines += [_complaint(cls, each) for each in error.errors(include_input=False)]
    except SettingsError as error:
        lines.append(str(error))
    else:
        if not lines:
            return settings
    for line in ("invalid settings:", *lines):
        sys.stderr.write(f"{line}\n")
    raise SystemExit(EXIT_CODE_OF_INVALID_SETTINGS)


def documented_settings(cls: type[BaseSettings]) -> list[SettingRow]:
    """List the variables that `cls` reads, in the order of its fields."""
    rows = []
    for field_name, field in cls.model_fields.items():
        name, *aliases = names = _variables(cls, field_name, field)
        files = tuple(f"{each}{FILE_SUFFIX}" for each in names) if _is_secret(field) else ()
        meaning = field.description or ""
        rows.append(SettingRow(name, _default(field), meaning, tuple(aliases), files))
    return rows


def failpoint_plan() -> str:
    """Read which failpoints are armed; see `service_kit.failpoints`."""
    return os.environ.get("AN_FAILPOINT", "")


def _from_files(cls: type[BaseSettings]) -> tuple[dict[str, Any], list[str]]:
    """Read the secrets that are in files, by field; and say which files can't be used."""
    environment = {name.upper(): value for name, value in os.environ.items()}
    values: dict[str, Any] = {}
    complaints = []
    for field_name, field in cls.model_fields.items():
        if not _is_secret(field):
            continue
        try:
            value = secret_of(_variables(cls, field_name, field), environment)
        except UnusableSecretFile as error:
            complaints.append(f"  {error}")
        else:
            values |= {} if value is None else {field_name: value}
    return values, complaints


def _is_secret(field: FieldInfo) -> bool:
    return not field.repr or SecretStr in (field.annotation, *get_args(field.annotation))


def _variables(cls: type[BaseSettings], field_name: str, field: FieldInfo) -> list[str]:
    match field.validation_alias:
        case AliasChoices(choices=choices):
            return [str(choice).upper() for choice in choices]
        case str(alias):
            return [alias.upper()]
        case _:
            return [f"{cls.model_config.get('env_prefix', '')}{field_name}".upper()]


def _default(field: FieldInfo) -> str:
    match field.get_default(call_default_factory=True, validated_data={}):
        case None | SecretStr():
            return ""
        case bool(flag):
            return str(flag).lower()
        case timedelta() as duration:
            return f"{duration.total_seconds():g}"
        case Enum(value=value):
            return str(value)
        case tuple() | list() as items:
            return ",".join(str(item) for item in items)
        case other:
            return "" if field.is_required() else str(other)


def _complaint(cls: type[BaseSettings], error: ErrorDetails) -> str:
    wrong = "is required" if error["type"] == "missing" else error["msg"]
    wrong = wrong.removeprefix("Value error, ")
    if not error["loc"]:
        return f"  {wrong}"  # about several variables at once: it names them itself
    name = str(error["loc"][0])
    if name in cls.model_fields:
        name = _variables(cls, name, cls.model_fields[name])[0]
    return f"  {name.upper()}: {wrong}"
