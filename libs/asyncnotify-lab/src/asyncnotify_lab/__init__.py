"""Providers to try things out with: their wires, on this machine, with faults on demand.

async with Lab.started() as lab:
    lab.fault(wire="smtp", phase="rcpt", status=550, text="5.1.1 no such user")
    ...
    [message] = await lab.arrived(to="ann@example.org")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncnotify_lab.faults import WireFault
    from asyncnotify_lab.lab import Lab
    from asyncnotify_lab.messages import Arrival

__all__ = ["Arrival", "Lab", "WireFault"]

_FROM = {"Arrival": "messages", "Lab": "lab", "WireFault": "faults"}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - one of these classes
    """Load what is asked for: a list of commands has the lab in it, and no use for its servers."""
    if name not in _FROM:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"{__name__}.{_FROM[name]}"), name)
