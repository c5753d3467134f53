"""What a provider is given, what it answers, and what else it may know. It imports no plumbing.

ProviderAnswer
├── Accepted           the provider has taken the message over
├── TransientFailure   not now; the same send may succeed later
├── PermanentFailure   the same send will never succeed at this provider
├── AddressGone        nothing sent to this address will ever arrive
├── Misconfigured      the provider does not know or does not trust this system
└── UncertainFailure   the provider may or may not have taken it over

No `detail` holds an address, a text or a credential: it is shown in timelines and logs.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from notification_contracts.address_reports import ReportKind
from notification_contracts.channels import ChannelName
from notification_contracts.states import Reason

_NO_DATA: Mapping[str, Any] = {}
_NO_HEADERS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """One message on its way to one address.

    `idempotency_key` is the same whenever this message is sent to this address again, and no other
    message has it. `html` and `headers` are for e-mail, `data` is for push: what a channel has no
    use for, its providers pass over. All that is personal stays out of `repr`, so out of logs and
    tracebacks.
    """

    trace_id: str
    channel: ChannelName
    attempt: int
    idempotency_key: str
    address: str = field(repr=False)
    message: str = field(repr=False)
    subject: str | None = field(default=None, repr=False)
    html: str | None = field(default=None, repr=False)
    data: Mapping[str, Any] = field(default_factory=lambda: _NO_DATA, repr=False)
    headers: Mapping[str, str] = field(default_factory=lambda: _NO_HEADERS, repr=False)
    expires_at: datetime | None = None

    @property
    def collapse_key(self) -> str:
        """Return what lets a repetition take the first one's place on a device: 32 characters."""
        digits = self.trace_id.replace("-", "").lower()
        if len(digits) == 32 and digits.isalnum() and digits.isascii():
            return digits
        return hashlib.sha256(self.trace_id.encode()).hexdigest()[:32]


class FaultSide(StrEnum):
    """On whose side a failure lies: it decides whether another provider could do better."""

    PROVIDER = "provider"
    RECIPIENT = "recipient"  # or the message itself: every provider would say the same


class Diversion(StrEnum):
    """What became of a message that did not go where it was to go, see `delivery`."""

    CAPTURED = "captured"
    REDIRECTED = "redirected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The provider has taken the message over, under this id of its own, if it gives one.

    `diversion` is None if it is the provider that took it, and for the address that was meant.
    """

    message_id: str | None = None
    diversion: Diversion | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransientFailure:
    """Not now: busy, down, throttled. `retry_after` is how long it asked for no further call."""

    reason: Reason
    detail: str
    retry_after: timedelta | None = None
    fault: FaultSide = FaultSide.PROVIDER

    @property
    def provider_retry_after(self) -> timedelta | None:
        """For how long the provider wants no call by anyone; None if it did not ask."""
        return self.retry_after if self.fault is FaultSide.PROVIDER else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PermanentFailure:
    """Never: refused for good."""

    reason: Reason
    detail: str
    fault: FaultSide = FaultSide.PROVIDER


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressGone:
    """Never, and not to this address again: a dead token, an unknown mailbox, one who opted out.

    `since` is when it died, if the provider says so: an address that was given later is another.
    """

    reason: Reason
    detail: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Misconfigured:
    """The provider refuses this system, whatever is sent: a wrong password, an expired key."""

    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UncertainFailure:
    """The connection broke, or time ran out, after bytes were sent."""

    detail: str
    fault: FaultSide = FaultSide.PROVIDER


ProviderAnswer = (
    Accepted | TransientFailure | PermanentFailure | AddressGone | Misconfigured | UncertainFailure
)


class Repeating(StrEnum):
    """What it costs to repeat a send of which it is uncertain whether it was taken."""

    IDEMPOTENT = "idempotent"  # nothing: the provider knows the key, or puts one in place of both
    ASKABLE = "askable"  # a question: the provider can be asked what became of it
    NEITHER = "neither"  # perhaps a second message


class Provider(Protocol):
    """Carries a channel's messages: an SMTP server, an SMS gateway, a fake.

    Making one opens nothing: it connects when it is first used.
    """

    @property
    def name(self) -> str:
        """Name it in logs, metrics and timelines: short, stable, without credentials."""
        ...

    @property
    def repeating(self) -> Repeating:
        """What it costs to repeat a send. One that is `ASKABLE` is an `AskableProvider`."""
        ...

    async def send(self, message: OutgoingMessage) -> ProviderAnswer:
        """Hand the message over. Every failure is an answer.

        It need not watch the clock: it is cancelled when it takes too long, and the outcome is
        then uncertain.
        """
        ...

    async def close(self) -> None:
        """Close connections. Nothing is sent after that."""
        ...


@runtime_checkable
class SelectiveProvider(Provider, Protocol):
    """A provider that carries only some of its channel's addresses: push tokens of its own kind.

    Any other provider takes them all.
    """

    def takes(self, address: str) -> bool:
        """Tell whether an address is one that this provider may be given."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NotTaken:
    """The provider was asked, and never took the message."""


@runtime_checkable
class AskableProvider(Provider, Protocol):
    """A provider that can be asked what became of a message."""

    async def find(
        self, message: OutgoingMessage, *, since: datetime
    ) -> Accepted | NotTaken | UncertainFailure:
        """Look for a message that may have been sent after `since`.

        `UncertainFailure` if that can't be told for now.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """Whether a provider would take messages, and what it said, in its own words."""

    is_ok: bool
    words: str


@runtime_checkable
class CheckableProvider(Provider, Protocol):
    """A provider whose address and credentials can be tried without sending anything."""

    async def check(self) -> CheckResult:
        """Connect, log in, and send nothing. Every failure is a result."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptRequest:
    """What was posted as a receipt: the URL as the provider called it, and names in lower case."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class ForgedReceipt(Exception):
    """Raised when a receipt's signature is missing or wrong."""


class UnreadableReceipt(Exception):
    """Raised when a receipt is no such thing. It says what is wrong, and quotes nothing."""


class ReceiptStatus(StrEnum):
    """What a receipt says of a message."""

    UNDERWAY = "underway"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a message, by the provider's id of it."""

    message_id: str
    status: ReceiptStatus
    reason: Reason | None = None
    detail: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressReport:
    """What was learnt about an address, with the provider's words as evidence."""

    channel: ChannelName
    kind: ReportKind
    address: str = field(repr=False)
    reason: Reason | None = None
    evidence: str = ""
    at: datetime | None = None


@runtime_checkable
class ReceiptReader(Provider, Protocol):
    """A provider that reports over HTTP what became of its messages."""

    def read(self, request: ReceiptRequest) -> Sequence[Receipt | AddressReport]:
        """Check the signature, and read.

        Raises:
            ForgedReceipt: it was not this provider who sent it.
            UnreadableReceipt: it holds nothing that can be understood.
        """
        ...
