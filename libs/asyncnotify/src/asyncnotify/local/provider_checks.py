"""Tries providers from here, without a running system."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from notification_contracts.channels import CHANNELS, ChannelName
from notification_providers.registry import PROVIDERS
from notification_providers.trial import Trial, try_provider
from notification_providers.urls import InvalidProviderUrl, Limits, ProviderContext
from service_kit.logs import configure_logging
from service_kit.settings import comma_separated

from asyncnotify.findings import Finding

_ADVICE = {
    "transient": "try again later",
    "permanent": "it would never take this message",
    "gone": "the address is dead; try another one",
    "misconfigured": "correct the URL: user, password, sender",
    "uncertain": "look whether the message arrived before you try again",
}


class InvalidProvider(Exception):
    """Raised when a text names no provider. It says what is wrong, and quotes nothing."""


async def check_providers(
    text: str, channel: ChannelName | None, to: str | None, limit: timedelta
) -> AsyncIterator[Finding]:
    """Try each provider of a `*_PROVIDERS` setting, one after the other.

    Raises:
        InvalidProvider: before any is tried.
    """
    # What providers log would stand among the findings, which say it all.
    configure_logging("asyncnotify", format="auto", level="CRITICAL")
    urls = comma_separated(text)
    if not urls:
        raise InvalidProvider("there is no URL")
    try:
        used = [(url, channel or _only_channel(url)) for url in urls]
        opened = [(PROVIDERS.open(url, _context(name), Limits())[0], name) for url, name in used]
    except InvalidProviderUrl as error:
        raise InvalidProvider(str(error)) from error
    for provider, name in opened:
        try:
            trial = await try_provider(provider, name, to, limit=limit)
        finally:
            await provider.close()
        for finding in _findings(provider.name, trial):
            yield finding


def _context(channel: ChannelName) -> ProviderContext:
    return ProviderContext(channel=channel, now=lambda: datetime.now(UTC))


def _only_channel(url: str) -> ChannelName:
    channels = PROVIDERS.channels_of(url) or frozenset(CHANNELS)
    if len(channels) == 1:
        return next(iter(channels))
    names = ", ".join(sorted(channels))
    raise InvalidProvider(f"it can be for several channels: add --channel, one of {names}")


def _findings(name: str, trial: Trial) -> list[Finding]:
    check, sent, found = trial.check, trial.sent, []
    if check is None and sent is None:
        words = "can only be tried by sending: add --to ADDRESS"
        found.append(Finding(name=name, is_ok=True, words=words))
    if check is not None:
        advice = "" if check.is_ok else "see that it can be reached, and correct the URL"
        found.append(Finding(name=name, is_ok=check.is_ok, words=check.words, advice=advice))
    if sent is not None:
        known_as = f" as {sent.message_id}" if sent.message_id else ""
        found.append(
            Finding(
                name=f"{name}: test message",
                is_ok=sent.is_ok,
                words=f"{sent.outcome}{known_as}: {sent.words}",
                advice=_ADVICE.get(sent.outcome, ""),
            )
        )
    return found
