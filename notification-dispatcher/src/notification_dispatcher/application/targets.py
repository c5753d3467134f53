"""The addresses to which one notification is to go in one attempt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from notification_contracts.states import Reason
from notification_ledger.reading import Target
from notification_providers.port import (
    Accepted,
    AddressGone,
    PermanentFailure,
    TransientFailure,
    UncertainFailure,
)

from notification_dispatcher.domain.contact import Contact, ContactAddress, unreachable
from notification_dispatcher.domain.progress import Doubt, Progress, digest_of
from notification_dispatcher.domain.sending import NotTried, SendOutcome, SendResult
from notification_dispatcher.domain.verdicts import Failed

_OUTCOMES: Final[Mapping[type[SendOutcome], str]] = {
    TransientFailure: "transient",
    PermanentFailure: "permanent",
    AddressGone: "gone",
    UncertainFailure: "uncertain",
    NotTried: "untried",
}


@dataclass(slots=True, kw_only=True)  # one for each send: a frozen one takes three times as long
class SendTarget:
    """One address. `name` is its label or its place, such as `#2`, and is shown to people.

    `key` is the idempotency key of what is sent to it: the trace id, and with several addresses
    also a digest of this one, so that it is the same on every attempt.
    """

    trace_id: str
    name: str
    address: str = field(repr=False)
    key: str

    @property
    def digest(self) -> str:
        """Name the address for those who come after; see `Progress`."""
        return digest_of(self.trace_id, self.address)


def targets_of(
    contact: Contact, channel: str, trace_id: str, progress: Progress
) -> Sequence[SendTarget] | Failed:
    """Return what may still be sent to, in order; a failure if there is nothing."""
    addresses = contact.on(channel)
    if len(addresses) == 1 and addresses[0].suppressed is None and not progress:
        return (_target(addresses[0], 1, trace_id, trace_id),)
    if len(addresses) == 1:
        targets = [_target(addresses[0], 1, trace_id, trace_id)]
    else:
        targets = [
            _target(address, place, trace_id, f"{trace_id}-{digest_of(trace_id, address.value)}")
            for place, address in enumerate(addresses, 1)
        ]
    good = [
        target
        for target, address in zip(targets, addresses, strict=True)
        if address.suppressed is None
    ]
    if not good:
        return unreachable(contact, channel)
    if progress.taken or progress.never:
        good = [target for target in good if not progress.is_settled(target.digest)]
    if not good:
        detail = "no address is left to which it may be sent again"
        return Failed(reason=Reason.ADDRESS_GONE, detail=detail)
    return good


def _target(address: ContactAddress, place: int, trace_id: str, key: str) -> SendTarget:
    name = address.label or f"#{place}"
    return SendTarget(trace_id=trace_id, name=name, address=address.value, key=key)


@dataclass(slots=True, kw_only=True)
class TargetResult:
    """What came of one address in one attempt.

    `doubt` is what is in doubt after it, and can be cleared up. `may_repeat` says whether it is
    sent again if it is uncertain: because that can be cleared up, or because the operator has it
    so.
    """

    target: SendTarget
    result: SendResult
    doubt: Doubt | None = None
    may_repeat: bool = True

    @property
    def is_uncertain(self) -> bool:
        """Whether the provider may have taken it, and nobody knows."""
        return isinstance(self.result.outcome, UncertainFailure)

    @property
    def may_still_succeed(self) -> bool:
        """Whether another attempt makes sense."""
        if isinstance(self.result.outcome, Accepted | PermanentFailure | AddressGone):
            return False
        return self.may_repeat or not self.is_uncertain

    def added_to(self, progress: Progress) -> Progress:
        """Return what is known after it."""
        digest = self.target.digest
        if isinstance(self.result.outcome, Accepted):
            return progress.with_taken(digest)
        if not self.may_still_succeed:
            return progress.with_never(digest)
        if self.doubt is None:
            return progress.without_doubt(digest)
        return progress.with_doubt(digest, self.doubt)

    def shown(self) -> Target:
        """Return it as a timeline shows it."""
        outcome, call = self.result.outcome, self.result.call
        name, provider = self.target.name, call.provider if call else None
        if isinstance(outcome, Accepted):
            return Target(
                target=name,
                outcome="accepted",
                provider=provider,
                message_id=outcome.message_id,
            )
        reason = Reason.AMBIGUOUS if isinstance(outcome, UncertainFailure) else outcome.reason
        return Target(
            target=name,
            outcome="misconfigured" if reason is Reason.PROVIDER_AUTH else _OUTCOMES[type(outcome)],
            provider=provider,
            reason=reason,
            detail=outcome.detail,
        )


def known_after(results: Sequence[TargetResult], progress: Progress) -> Progress:
    """Return what is known after an attempt.

    Once one address took it, what is uncertain elsewhere and can't be cleared up is left at that.
    """
    for each in results:
        progress = each.added_to(progress)
    if progress.taken:
        for each in results:
            if each.is_uncertain and each.doubt is None:
                progress = progress.with_never(each.target.digest)
    return progress


def uses_an_attempt(result: TargetResult) -> bool:
    """Tell whether this counts as an attempt: not if its provider could not be called, or asked
    for no further call.
    """
    outcome = result.result.outcome
    return not isinstance(outcome, NotTried) and not getattr(outcome, "provider_retry_after", None)
