"""The lab in the place of providers: real providers' code, and faults on their wires."""

import asyncio
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from asyncnotify_lab import Arrival, Lab

from asyncnotify_prove.faults import Fault
from asyncnotify_prove.outbox import Received
from asyncnotify_prove.promises import JsonObject, Promise

WIRES: Final[Mapping[str, str]] = {"email": "smtp", "sms": "twilio", "push": "fcm"}
"""By what each channel's messages go. E-mail can't be asked for, SMS can, a push takes the place
of the same one that was sent before."""

DOWN_SECONDS: Final = 4.0
THROTTLED_SECONDS: Final = 2.0
MESSAGES: Final = 5
"""How many messages of each wire a fault is for."""
SLOW: Final = {"smtp": "slow-1s@sim.example", "fcm": "sim-slow-1s"}
REFUSED: Final = "fail-permanent@sim.example"


class LabProviders:
    """A lab in this process: what arrives in it is known, whatever is done to its ports."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self._lab = Lab(folder, keeps_messages=False)
        self._chance = chance

    async def start(self) -> Mapping[str, str]:
        """Start it; return the dispatchers' settings with its providers."""
        await self._lab.start()
        for wire, address in SLOW.items():
            self._lab.fault(wire=wire, to=address, phase="received", delay_seconds=1)
        # A code that says nothing against the address, which stays in use.
        self._lab.fault(wire="smtp", to=REFUSED, phase="rcpt", status=552, text="5.2.2 full")
        firsts = {channel: urls[0] for channel, urls in self._lab.provider_urls.items()}
        firsts["push"] = next(
            url for url in self._lab.provider_urls["push"] if url.startswith("fcm")
        )
        return {f"{channel.upper()}_PROVIDERS": url for channel, url in firsts.items()}

    async def stop(self) -> None:
        """Stop it."""
        await self._lab.stop()

    async def do(self, fault: Fault) -> None:
        """Make one fault of the providers happen."""
        if fault is Fault.PROVIDER_DOWN:
            await self._lab.stop()
            await asyncio.sleep(DOWN_SECONDS)
            await self._lab.start()
            return
        for wire in WIRES.values():
            self._lab.fault(wire=wire, times=MESSAGES, **self._of_wire(fault, wire))

    def _of_wire(self, fault: Fault, wire: str) -> dict[str, str | float]:
        match fault:
            case Fault.PROVIDER_HANGS_UP:
                phases = ("mail", "rcpt", "data", "received") if wire == "smtp" else ("received",)
                return {"phase": self._chance.choice(phases), "answer": "hang_up"}
            case Fault.PROVIDER_LOSES_ANSWERS:
                return {"phase": "taken", "answer": "hang_up"}
            case Fault.PROVIDER_IS_SILENT:
                phase = self._chance.choice(("received", "taken"))
                return {"phase": phase, "answer": "hang"}
            case _:
                return {"answer": "throttled", "retry_after": THROTTLED_SECONDS}

    def lines(self, promises: Sequence[Promise]) -> Iterator[JsonObject]:
        """Return what arrived as `reconcile` wants it."""
        seen: set[tuple[str, str]] = set()
        for arrival, trace_id in self._traced(promises):
            replaces = _replaces(arrival)
            yield {
                "trace_id": trace_id,
                "message": _text(arrival),
                "is_repeat": replaces is not None and (arrival.to, replaces) in seen,
            }
            if replaces is not None:
                seen.add((arrival.to, replaces))

    def received(self, promises: Sequence[Promise]) -> list[Received]:
        """Return when it arrived."""
        return [
            Received(trace_id, arrival.at.timestamp(), arrival.at.timestamp())
            for arrival, trace_id in self._traced(promises)
        ]

    def _traced(self, promises: Sequence[Promise]) -> Iterator[tuple[Arrival, str]]:
        by_key = {promise.key: promise.trace_id for promise in promises}
        for arrival in self._lab.messages.find():
            # An SMS carries no trace id, but every text is the key of its request.
            trace_id = _trace_id(arrival) or by_key.get(_text(arrival))
            yield arrival, trace_id or f"never promised: {_text(arrival)}"


def _text(arrival: Arrival) -> str:
    return (arrival.text or "").strip()


def _trace_id(arrival: Arrival) -> str | None:
    if arrival.wire == "smtp":
        return arrival.headers["Message-ID"].strip("<>").partition("@")[0]
    carried: str | None = arrival.data.get("data", {}).get("trace_id")
    return carried


def _replaces(arrival: Arrival) -> str | None:
    """Return what a device knows a push by that takes the place of the same one."""
    shown = arrival.data.get("android", {}).get("notification", {})
    tag: str | None = shown.get("tag")
    return tag
