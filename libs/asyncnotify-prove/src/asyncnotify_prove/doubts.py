"""How doubts ended: whether a provider had taken a message whose answer was lost."""

from collections.abc import Sequence
from typing import Final

from asyncnotify_prove.timelines import UNCERTAIN_REASONS, Step

FOUND: Final = "it had been taken, and was found there"
REPEATED: Final = "it had been taken, and the same again took its place"
SENT_AGAIN: Final = "it had not been taken, and was sent again"
TWICE: Final = "it had been taken, and was sent twice"
ENDED_IN_DOUBT: Final = "it ended in doubt (cancelled, expired or held), and says so"
OTHER: Final = "it ended otherwise, and nothing had been taken"


def end_of_doubt(
    steps: Sequence[Step], *, copies: int, repeats: int, reason: str | None
) -> str | None:
    """Say how a notification's doubts ended, with its channel; None if there was none.

    `copies` is how many messages somebody has, `repeats` how many of the same took their place.
    """
    doubts = [number for number, step in enumerate(steps) if step.reason in UNCERTAIN_REASONS]
    if not doubts or not any(step.status == "sending" for step in steps[: doubts[-1] + 1]):
        return None
    channel = next((step.channel for step in steps if step.channel), "?")
    was_sent_again = any(step.status == "sending" for step in steps[doubts[-1] + 1 :])
    if reason == "ambiguous":
        how = ENDED_IN_DOUBT
    elif copies > 1:
        how = TWICE
    elif repeats:
        how = REPEATED
    elif copies == 0:
        how = OTHER
    else:
        how = SENT_AGAIN if was_sent_again else FOUND
    return f"{channel}: {how}"
