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
    OutgoingMessage,
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
# The deadline of a call, as a share of the provider's time-out: what hangs ends by itself.
_PATIENCE: Final = 0.9
_LIMIT: Final = re.compile(rf"(?<=[?&])(?:{'|'.join(LIMITS)})=[^&]*&?")
# It keeps nothing on disk, and names no secrets.
_ASSET: Final = apprise.AppriseAsset(
    storage_mode=PersistentStoreMode.MEMORY, async_mode=False, secure_logging=True
)


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
        url = self.template.replace(PLACEHOLDER, quote(message.address, safe=""))
        self._busy += 1
        call = asyncio.get_running_loop().run_in_executor(
            self._opened(), _notify, url, message.subject, message.message
        )
        call.add_done_callback(self._is_free)
        try:
            async with asyncio.timeout(self.patience):
                logs = await asyncio.shield(call)
        except TimeoutError:
            return UncertainFailure(detail=f"no answer within {self.patience:g} s")
        if logs is None:
            return Accepted()
        return failure_of(logs, is_addressed=PLACEHOLDER in self.template)

    async def close(self) -> None:
        """Start no further call. One that hangs ends with the process."""
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


def _notify(url: str, title: str | None, body: str) -> Sequence[str] | None:
    """Make one call; return None, or what was logged of its failure."""
    service = apprise.Apprise.instantiate(url, asset=_ASSET)
    if service is None:
        return ["this address makes no URL of the service, error=400"]
    calls = apprise.Apprise(asset=_ASSET)
    calls.add(service)
    result = calls.notify(
        body=body,
        title=title or "",
        body_format=apprise.NotifyFormat.TEXT,
        log_level=logging.DEBUG,
    )
    return None if result else [str(line) for each in result for one in each for line in one.logs]


def apprise_provider(url: ProviderUrl, _context: ProviderContext) -> AppriseProvider:
    """Make the provider that an `apprise+SCHEME://…` URL describes."""
    _keep_logs_inside()
    patience = url.limits.timeout.total_seconds() * _PATIENCE
    template = _with_deadlines(_LIMIT.sub("", url.text.removeprefix(PREFIX)).rstrip("?&"), patience)
    if PLACEHOLDER in urlsplit(template).netloc:
        raise InvalidProviderUrl(f"{PLACEHOLDER} must not choose the host")
    # It logs the URL that it does not understand; the reason must do.
    example = template.replace(PLACEHOLDER, "123456789")
    if apprise.Apprise.instantiate(example, asset=_ASSET, suppress_exceptions=True) is None:
        raise InvalidProviderUrl("Apprise does not understand it")
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
