"""Opens what keeps messages that were sent to nobody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from service_kit.http.client import UpstreamClient

from notification_dispatcher.application.outbox import OutboxSource
from notification_dispatcher.infrastructure.outbox.file import OutboxFile
from notification_dispatcher.infrastructure.outbox.lab import LabOutbox

_LAB_TIMEOUT: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedOutbox:
    """The sources, and the clients that they use: resources of the process."""

    sources: Sequence[OutboxSource]
    clients: Sequence[UpstreamClient]


def open_outbox(path: Path | None, lab_url: str | None) -> OpenedOutbox:
    """Open the file and the lab, each if there is one."""
    clients = [UpstreamClient(lab_url, timeout=_LAB_TIMEOUT)] if lab_url else []
    files = [OutboxFile(path=path)] if path else []
    return OpenedOutbox(sources=[*files, *map(_lab, clients)], clients=clients)


def _lab(http: UpstreamClient) -> LabOutbox:
    return LabOutbox(http=http)
