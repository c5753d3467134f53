"""The URLs under which the dispatcher's providers reach the lab: the one list of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from asyncnotify.local.ports import HOST


@dataclass(frozen=True, slots=True, kw_only=True)
class LabPorts:
    """The lab's ports. All are on 127.0.0.1."""

    smtp: int = 0
    smtps: int = 0
    http: int = 0
    https: int = 0


def provider_urls(ports: LabPorts, ca_file: Path) -> Mapping[str, Sequence[str]]:
    """Return each channel's providers, the first choice first. `ca_file` is what they trust."""
    return {"email": [f"smtp://{HOST}:{ports.smtp}"]}
