"""What each reason means, in words for people who don't know the system."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from notification_contracts.states import Reason


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a reason says, and what one can do about it.

    `because` completes "because ..."; `{user}` and `{channel}` stand for the names. `remedy` tells
    somebody to do something; it is None where there is nothing to mend.
    """

    because: str
    remedy: str | None


MEANINGS: Final[Mapping[Reason, Meaning]] = {
    Reason.UNKNOWN_USER: Meaning(
        "there is no user with the id {user}", "add the user, or correct the id"
    ),
    Reason.NO_ADDRESS: Meaning(
        "{user} has no address for {channel}", "give the user an address for {channel}"
    ),
    Reason.INVALID_ADDRESS: Meaning(
        "the address of {user} is not one to which {channel} can go", "correct the user's address"
    ),
    Reason.OPTED_OUT: Meaning("{user} does not want messages on {channel}", None),
    Reason.QUIET_HOURS: Meaning("{user} is not to be disturbed at this time of day", None),
    Reason.PROVIDER_UNAVAILABLE: Meaning(
        "the provider could not be reached, or had a fault of its own",
        "look at the providers of {channel}, and wait until one works",
    ),
    Reason.PROVIDER_REJECTED: Meaning(
        "the provider refused it", "mend what the provider complains about"
    ),
    Reason.PROVIDER_AUTH: Meaning(
        "the provider does not accept our credentials",
        "correct the credentials of the provider for {channel}",
    ),
    Reason.ADDRESS_GONE: Meaning(
        "the address of {user} does not exist any more", "ask {user} for a new address"
    ),
    Reason.SUPPRESSED: Meaning(
        "nothing is sent to this address any more, after what came back from it",
        "lift the suppression if the address is good again",
    ),
    Reason.GUARDED: Meaning(
        "a safety limit (a cap, or a country that is not allowed) holds it back",
        "raise the limit for {channel} if it is too strict",
    ),
    Reason.RATE_LIMITED: Meaning("the provider takes no more for now", None),
    Reason.CONTACTS_UNAVAILABLE: Meaning(
        "the user-service could not be asked for the address", "look after the user-service"
    ),
    Reason.ATTEMPTS_EXHAUSTED: Meaning(
        "no attempt succeeded, and there are no more", "find out why they failed"
    ),
    Reason.AMBIGUOUS: Meaning(
        "it is not known whether the provider took an earlier attempt",
        "ask the provider, or {user}, whether it arrived",
    ),
    Reason.POISON: Meaning(
        "every worker that took it up went silent", "look in the dispatcher's log for a crash"
    ),
    Reason.UNDECODABLE: Meaning(
        "what was put into the queue is no notification", "mend the program that put it there"
    ),
    Reason.UNSUPPORTED_VERSION: Meaning(
        "it was written by a newer version of the system", "update the dispatchers"
    ),
    Reason.UNKNOWN_CHANNEL: Meaning(
        "there is no channel {channel}", "correct the channel, or add it"
    ),
    Reason.MESSAGE_TOO_LONG: Meaning(
        "the message is too long for {channel}", "shorten the message, and send it anew"
    ),
    Reason.LEASE_LOST: Meaning("the worker that had it went silent", None),
}


def in_place(text: str, *, user: str | None, channel: str | None) -> str:
    """Return the text with the names in place of `{user}` and `{channel}`."""
    named = text.replace("{channel}", channel or "its channel")
    return named.replace("{user}", user or "the user")


def meaning_of(reason: str) -> Meaning:
    """Return what a reason means, in what words there are if it is none of ours."""
    try:
        return MEANINGS[Reason(reason)]
    except ValueError:
        return Meaning(f"of {reason}", None)
