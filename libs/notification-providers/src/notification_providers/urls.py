"""What a provider's URL says: `scheme://[user:password@]host[:port][?option=value&…]`.

Every provider's URL may carry limits: `timeout_seconds`, `concurrency`, `per_second`. All other
options are the provider's own.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from notification_contracts.channels import ChannelName

LIMITS: Final = ("timeout_seconds", "concurrency", "per_second")
_PATIENCE: Final = 0.9


class InvalidProviderUrl(ValueError):
    """Raised when a URL describes no provider. It never quotes the URL, which may hold keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a provider may be asked to do. `per_second` None means: as fast as it goes."""

    timeout: timedelta = timedelta(seconds=10)
    concurrency: int = 64
    per_second: float | None = None

    @property
    def patience(self) -> timedelta:
        """How long a provider waits itself: a little less, so that it can say how far it got."""
        return self.timeout * _PATIENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderUrl:
    """A provider's URL, taken apart. `options` is its query without the `limits`; `text` is all.

    Only the scheme and the port are in `repr`: any other part may be a secret.
    """

    scheme: str
    host: str = field(default="", repr=False)  # some services have a token in its place
    port: int | None = None
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    path: str = field(default="", repr=False)
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    text: str = field(default="", repr=False)
    limits: Limits = field(default_factory=Limits)

    def only_options(self, known: Collection[str]) -> None:
        """Refuse an option that the scheme does not know: it may be a slip of the pen.

        Raises:
            InvalidProviderUrl: there is one.
        """
        if unknown := sorted(self.options.keys() - set(known)):
            raise InvalidProviderUrl(f"{unknown[0]!r} is no option of {self.scheme}://")


@dataclass(frozen=True, slots=True)
class ProviderContext:
    """What the environment gives to every factory: for which channel, and what it may use.

    `public_url` is where providers reach this system; None if they don't.
    """

    channel: ChannelName
    _: KW_ONLY
    now: Callable[[], datetime]
    fake_outbox: Path | None = None
    public_url: str | None = None

    def receipts_url(self, provider: str) -> str | None:
        """Return where the provider of this name is to post its receipts; None if it can't."""
        return self.public_url and f"{self.public_url.rstrip('/')}/receipts/{provider}"


def parse(text: str, defaults: Limits) -> tuple[ProviderUrl, Limits]:
    """Take a URL apart.

    Raises:
        InvalidProviderUrl: it has no scheme, an invalid port, or an invalid limit.
    """
    parts = urlsplit(text.strip())
    if "://" not in text or not parts.scheme:
        raise InvalidProviderUrl("a provider is a URL, such as fake://")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    limits = Limits(
        timeout=_seconds(options.pop("timeout_seconds", None), defaults.timeout),
        concurrency=_count(options.pop("concurrency", None), defaults.concurrency),
        per_second=_rate(options.pop("per_second", None), defaults.per_second),
    )
    url = ProviderUrl(
        scheme=parts.scheme,
        host=parts.hostname or "",
        port=_port(parts),
        user=_decoded(parts.username),
        password=_decoded(parts.password),
        path=parts.path,
        options=options,
        text=text.strip(),
        limits=limits,
    )
    return url, limits


def _decoded(text: str | None) -> str | None:
    return None if text is None else unquote(text)


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError as error:
        raise InvalidProviderUrl(
            "its port is no number from 0 to 65535; a colon that begins no port is %3A"
        ) from error


def _positive(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number < float("inf"):
        raise InvalidProviderUrl(f"{name} must be a number above 0")
    return number


def _seconds(text: str | None, default: timedelta) -> timedelta:
    return default if text is None else timedelta(seconds=_positive("timeout_seconds", text))


def _count(text: str | None, default: int) -> int:
    return default if text is None else max(1, int(_positive("concurrency", text)))


def _rate(text: str | None, default: float | None) -> float | None:
    return default if text is None else _positive("per_second", text)
