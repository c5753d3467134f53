"""Sends through Apprise: Slack, Telegram, Discord, Matrix, Teams and about a hundred more.

Apprise's calls block, and can't be called off: each runs in a thread of this provider's own, of
which there are as many as it may make calls at once. One that hangs keeps its thread, and no more.
"""

import asyncio
import logging
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlsplit

import apprise
from apprise.common import PersistentStoreMode
from notification_contracts.states import Reason

from notification_providers.chat.results import failure_of
from notification_providers.port import (
    Accepted,
    FaultSide,
    OutgoingMessage,
    PermanentFailure,
    ProviderAnswer,
    Repeating,
    TransientFailure,
    UncertainFailure,
)
from notification_providers.urls import (
    LIMITS,
    InvalidProviderUrl,
    ProviderContext,
    ProviderUrl,
)

PREFIX: Final = "apprise+"
PLACEHOLDER: Final = "{address}"
# Which of them is an address is for each service to say.
_EXAMPLES: Final = ("123456789", "general", "ada@example.org", "+12025550199")
_LIMIT: Final = re.compile(rf"(?<=[?&])(?:{'|'.join(LIMITS)})=[^&]*&?")
# It keeps nothing on disk, and names no secrets.
_ASSET: Final = apprise.AppriseAsset(
    storage_mode=PersistentStoreMode.MEMORY, async_mode=False, secure_logging=True
)


_NOT_ONE = PermanentFailure(
    reason=Reason.INVALID_ADDRESS,
    detail="the service makes no single recipient of this address",
    fault=FaultSide.RECIPIENT,
)


class NotOneRecipient(Exception):
    """Raised when an address names nobody or several, before anything is sent."""


@dataclass(slots=True, kw_only=True)
class AppriseProvider:
    """One service of Apprise's, by its URL; `{address}` in it is the recipient's address."""

    name: str
    template: str = field(repr=False)
    threads: int
    patience: float
    repeating: Repeating = Repeating.NEITHER
    _executor: ThreadPoolExecutor | None = field(default=None, init=False)
    _busy: int = field(default=0, init=False)

    async def send(self, message: OutgoingMessage) -> ProviderAnswer:
        """Hand the message over, if a thread is free."""
        if self._busy >= self.threads:
            detail = f"all {self.threads} threads wait for the service"
            return TransientFailure(reason=Reason.PROVIDER_UNAVAILABLE, detail=detail)
        self._busy += 1
        call = asyncio.get_running_loop().run_in_executor(
            self._opened(), _notify, self.template, message
        )
        call.add_done_callback(self._is_free)
        try:
            async with asyncio.timeout(self.patience):
                logs = await asyncio.shield(call)
        except TimeoutError:
            return UncertainFailure(detail=f"no answer within {self.patience:g} s")
        except NotOneRecipient:
            return _NOT_ONE
        if logs is None:
            return Accepted()
        return failure_of(logs, is_addressed=PLACEHOLDER in self.template)

    async def close(self) -> None:
        """Start no further call. One that hangs ends at its time-out; the process waits for it."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = None

    def _is_free(self, call: asyncio.Future[Sequence[str] | None]) -> None:
        self._busy -= 1
        if not call.cancelled():
            call.exception()  # seen: whoever waited for it may have gone

    def _opened(self) -> ThreadPoolExecutor:
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self.threads, thread_name_prefix=self.name)
        return self._executor


def _notify(template: str, message: OutgoingMessage) -> Sequence[str] | None:
    """Make one call; return None, or what was logged of its failure."""
    calls = apprise.Apprise(asset=_ASSET)
    calls.add(_service(template, message.address))
    result = calls.notify(
        body=message.message,
        title=message.subject or "",
        body_format=apprise.NotifyFormat.TEXT,
        log_level=logging.DEBUG,
    )
    return None if result else [str(line) for each in result for one in each for line in one.logs]


def _service(template: str, address: str) -> apprise.NotifyBase:
    """Return the service, with this address for its only recipient.

    Apprise takes a list for what it may be, and passes over what it does not understand: then the
    message would go to wherever the service sends without an address, for all to read.

    Raises:
        NotOneRecipient: the address names nobody, or several.
    """
    service = _instantiated(template.replace(PLACEHOLDER, quote(address, safe="")))
    if service is None:
        raise NotOneRecipient
    if PLACEHOLDER in template:
        unaddressed = _instantiated(template.replace(PLACEHOLDER, ""))
        is_lost = unaddressed is not None and _understood(unaddressed) == _understood(service)
        if is_lost or len(service) > 1:
            raise NotOneRecipient
    return service


def _is_recipient(template: str, address: str) -> bool:
    try:
        _service(template, address)
    except NotOneRecipient:
        return False
    return True


def _understood(service: apprise.NotifyBase) -> str:
    """Return the URL that says all that a service was understood to be."""
    return str(service.url())  # type: ignore[no-untyped-call]


def _instantiated(url: str) -> apprise.NotifyBase | None:
    return apprise.Apprise.instantiate(url, asset=_ASSET, suppress_exceptions=True)


def apprise_provider(url: ProviderUrl, _context: ProviderContext) -> AppriseProvider:
    """Make the provider that an `apprise+SCHEME://…` URL describes."""
    _keep_logs_inside()
    patience = url.limits.patience.total_seconds()
    template = _with_deadlines(_LIMIT.sub("", url.text.removeprefix(PREFIX)).rstrip("?&"), patience)
    if PLACEHOLDER in urlsplit(template).netloc:
        raise InvalidProviderUrl(f"{PLACEHOLDER} must not choose the host")
    # It logs the URL that it does not understand; the reason must do.
    if all(_instantiated(template.replace(PLACEHOLDER, each)) is None for each in _EXAMPLES):
        raise InvalidProviderUrl("Apprise does not understand it")
    if not any(_is_recipient(template, each) for each in _EXAMPLES):
        raise InvalidProviderUrl(f"{PLACEHOLDER} chooses no recipient where it stands")
    return AppriseProvider(
        name=f"apprise-{url.scheme.removeprefix(PREFIX)}",
        template=template,
        threads=url.limits.concurrency,
        patience=patience,
    )


def _with_deadlines(text: str, seconds: float) -> str:
    """Add Apprise's own time-outs, to connect and to read, so that no thread waits for ever."""
    mark = "&" if "?" in text else "?"
    return f"{text}{mark}cto={seconds:g}&rto={seconds:g}"


def _keep_logs_inside() -> None:
    """Apprise logs texts at the level at which it says what went wrong, and urllib3 paths."""
    logger = logging.getLogger("apprise")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logging.getLogger("urllib3").setLevel(logging.INFO)
