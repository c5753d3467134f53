"""When an address is not sent to any more, and until when. Every rule stands here, and no other.

What is known of an address follows from the reports on it. Reports come late, twice and in any
order: each may be applied again without a change.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from notification_contracts.address_reports import ReportKind
from notification_contracts.channels import CHANNELS, AddressKind, ChannelName

SOFT_BOUNCES_IN_A_ROW: Final = 5
SOFT_BOUNCES_SUPPRESS_FOR: Final = timedelta(days=7)
_CHOICES_KNOWN: Final = 20


# The weightiest last. That someone writes STOP or complains shows that the address is alive, and
# weighs more than that a message came back once.
SUPPRESSING: Final = (
    ReportKind.SOFT_BOUNCE,
    ReportKind.BOUNCE,
    ReportKind.GONE,
    ReportKind.COMPLAINT,
    ReportKind.OPT_OUT,
)
_CHOICES: Final = frozenset({ReportKind.OPT_IN, ReportKind.OPT_OUT})


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressKey:
    """An address on its channel, in its canonical form."""

    channel: ChannelName
    address: str = field(repr=False)

    @property
    def digest(self) -> str:
        """A short name of it: 64 characters, whatever its length."""
        return hashlib.sha256(f"{self.channel}\0{self.address}".encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReport:
    """One thing that happened at an address. `evidence` is in the words of who reports it."""

    key: AddressKey
    kind: ReportKind
    at: datetime
    evidence: str | None = None
    provider: str | None = None
    trace_id: str | None = None

    @property
    def removes_token(self) -> bool:
        """Whether a device is gone: then its token goes from all users, and nothing is kept."""
        channel = CHANNELS.get(self.key.channel)
        is_token = channel is not None and channel.address_kind is AddressKind.TOKEN
        return self.kind is ReportKind.GONE and is_token


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """Why an address is not sent to. `until` is None if nothing but a release ends it."""

    reason: ReportKind
    since: datetime
    until: datetime | None = None
    evidence: str | None = None
    provider: str | None = None

    def holds_at(self, now: datetime) -> bool:
        """Tell whether it still applies."""
        return self.until is None or now < self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftBounce:
    """A soft bounce that counts. All those of one notification are one."""

    at: datetime
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressHealth:
    """What the reports on an address have led to: at most one suppression for each reason.

    Soft bounces up to `row_after` belong to an earlier row. What happened up to `released_at` does
    not count any more, nor does an opt-out up to `opted_in_at`. `choices` names the last reports of
    people who opted in or out: what was posted once is no second choice, however late it is posted
    again, for its time may be that of the post.
    """

    suppressions: tuple[Suppression, ...] = ()
    soft_bounces: tuple[SoftBounce, ...] = ()
    row_after: datetime | None = None
    released_at: datetime | None = None
    opted_in_at: datetime | None = None
    choices: tuple[str, ...] = ()

    @property
    def suppression(self) -> Suppression | None:
        """The weightiest suppression. Only the lightest ever ends by itself."""
        return max(self.suppressions, key=lambda each: _weight(each.reason), default=None)

    def is_suppressed_at(self, now: datetime) -> bool:
        """Tell whether the address is not sent to."""
        return self.suppression is not None and self.suppression.holds_at(now)

    def after(self, report: HealthReport) -> "AddressHealth":
        """Return what is known after one more report."""
        if report.kind in _CHOICES and report.trace_id is not None:
            choice = f"{report.kind}:{report.trace_id}"
            if choice in self.choices:
                return self
            kept = (*self.choices, choice)[-_CHOICES_KNOWN:]
            return replace(self._after(report), choices=kept)
        return self._after(report)

    def _after(self, report: HealthReport) -> "AddressHealth":
        match report.kind:
            case ReportKind.USED:
                return _with_row_after(report.at, self)
            case ReportKind.OPT_IN:
                return self._opted_in(report.at)
            case _ if _is_at_or_before(report.at, self.released_at):
                return self
            case ReportKind.OPT_OUT if _is_at_or_before(report.at, self.opted_in_at):
                return self
            case ReportKind.SOFT_BOUNCE:
                return self._bounced_softly(report)
        return self._suppressed_by(report)

    def released(self, at: datetime) -> "AddressHealth":
        """Return what is known after an operator has said that it may be sent to again."""
        return replace(_with_row_after(at, self), suppressions=(), released_at=at)

    def _opted_in(self, at: datetime) -> "AddressHealth":
        left = tuple(
            each
            for each in self.suppressions
            if each.reason is not ReportKind.OPT_OUT or each.since > at
        )
        return replace(self, suppressions=left, opted_in_at=_later(at, self.opted_in_at))

    def _bounced_softly(self, report: HealthReport) -> "AddressHealth":
        name = report.trace_id or report.at.isoformat()
        is_known = any(each.name == name for each in self.soft_bounces)
        if is_known or _is_at_or_before(report.at, self.row_after):
            return self
        row = (*self.soft_bounces, SoftBounce(at=report.at, name=name))
        if len(row) < SOFT_BOUNCES_IN_A_ROW:
            return replace(self, soft_bounces=row)
        last = max(each.at for each in row)
        known = self._suppressed_by(report, last + SOFT_BOUNCES_SUPPRESS_FOR)
        return _with_row_after(last, known)

    def _suppressed_by(
        self, report: HealthReport, until: datetime | None = None
    ) -> "AddressHealth":
        held = {each.reason: each for each in self.suppressions}
        same = held.get(report.kind)
        # Of opt-outs the last one counts: an opt-in may have come between them.
        is_newer = same and report.kind is ReportKind.OPT_OUT and report.at > same.since
        if same and same.holds_at(report.at) and not is_newer:
            return self
        suppression = Suppression(
            reason=report.kind,
            since=report.at,
            until=until,
            evidence=report.evidence,
            provider=report.provider,
        )
        return replace(self, suppressions=tuple({**held, report.kind: suppression}.values()))


def after_reports(
    known: Mapping[AddressKey, AddressHealth], reports: Iterable[HealthReport]
) -> dict[AddressKey, AddressHealth]:
    """Return what is known of each address that these reports tell something lasting about.

    Of a use nothing is kept, unless it ends a row of soft bounces.
    """
    found = dict(known)
    for report in sorted(reports, key=lambda report: report.at):
        is_kept = report.key in found or report.kind is not ReportKind.USED
        if is_kept and not report.removes_token:
            found[report.key] = found.get(report.key, AddressHealth()).after(report)
    return found


def _with_row_after(at: datetime, known: AddressHealth) -> AddressHealth:
    """Let the row of soft bounces begin after this time, if it does not begin later."""
    latest = _later(at, known.row_after)
    row = tuple(each for each in known.soft_bounces if each.at > latest)
    return replace(known, soft_bounces=row, row_after=latest)


def _weight(reason: ReportKind) -> int:
    return SUPPRESSING.index(reason)


def _is_at_or_before(at: datetime, other: datetime | None) -> bool:
    return other is not None and at <= other


def _later(at: datetime, other: datetime | None) -> datetime:
    return at if other is None else max(at, other)
