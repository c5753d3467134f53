"""Providers to try things out with: their wires, on this machine, with faults on demand.

async with Lab.started() as lab:
    lab.fault(wire="smtp", phase="rcpt", status=550, text="5.1.1 no such user")
    ...
    [message] = await lab.arrived(to="ann@example.org")
"""

from asyncnotify_lab.faults import WireFault
from asyncnotify_lab.lab import Lab
from asyncnotify_lab.messages import Arrival

__all__ = ["Arrival", "Lab", "WireFault"]
