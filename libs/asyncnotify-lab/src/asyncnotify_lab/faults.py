"""Scripted faults, for all wires in one place.

A fault says where it happens (`wire`, `to`, `phase`), and what: it takes longer (`delay_seconds`),
nothing is ever answered (`hang`), the connection breaks (`hang_up`), or there is another answer
(`status` and `text`, or the wire's own word for one, such as `gone`). It happens so many `times`,
or until it is cleared.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import Any, Final, NoReturn

from pydantic import BaseModel, ConfigDict, Field, model_validator

CONNECT: Final = "connect"
"""The connection is there, and nothing has been said yet."""
RECEIVED: Final = "received"
"""All of a message has been received. It is not taken yet."""
TAKEN: Final = "taken"
"""It has been taken: it arrived, but whoever sent it does not know yet."""
RECEIPT: Final = "receipt"
"""The wire tells what became of it."""


class Break(StrEnum):
    """Ways not to answer."""

    HANG = "hang"
    HANG_UP = "hang_up"
    RESET = "reset"  # on HTTP/2 only this one request; else like `hang_up`
    GO_AWAY = "go_away"  # on HTTP/2 a GOAWAY that names this request as not handled


class HangUp(Exception):
    """Raised to break off, in this way."""

    def __init__(self, how: Break = Break.HANG_UP) -> None:
        super().__init__(how)
        self.how = how


class UnknownFault(ValueError):
    """Raised for a fault that no wire could have. `field` is what is wrong about it."""

    def __init__(self, field_name: str, message: str) -> None:
        super().__init__(message)
        self.field = field_name


class WireFault(BaseModel):
    """Where something goes wrong, and how. What is left out is any, or nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    wire: str | None = Field(default=None, description="The name of a wire; without it, all.")
    to: str | None = Field(default=None, description="The address; without it, any.")
    phase: str | None = Field(default=None, description="When. By default as the answer needs it.")
    delay_seconds: float = Field(default=0, ge=0, le=3600)
    answer: str | None = Field(default=None, description="hang, hang_up, or a wire's own word.")
    status: int | None = Field(default=None, ge=100, le=599, description="The code to answer with.")
    text: str = Field(default="", description="The words to answer with.")
    body: Any = Field(default=None, description="The JSON to answer with, instead of words.")
    headers: Mapping[str, str] = Field(default={})
    retry_after: float | None = Field(default=None, ge=0, description="A Retry-After, in seconds.")
    times: int | None = Field(default=None, ge=1, description="How often; without it, always.")

    @model_validator(mode="after")
    def _one_answer(self) -> "WireFault":
        if self.answer is not None and self.status is not None:
            raise ValueError("give either answer or status")
        return self

    @property
    def is_only_slow(self) -> bool:
        """Whether all goes on as ever after the delay."""
        return self.answer is None and self.status is None


@dataclass(frozen=True, slots=True)
class Weakness:
    """Which faults a wire can have: its phases, and the answers it has a word for, by phase."""

    phases: Sequence[str]
    answers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Scripted:
    """A fault, and how often it happened."""

    id: str
    fault: WireFault
    happened: int = 0

    @property
    def is_over(self) -> bool:
        """Whether it has happened as often as it is to happen."""
        return self.fault.times is not None and self.happened >= self.fault.times

    def applies(self, wire: str, phase: str, to: str | None) -> bool:
        """Tell whether it is for this moment."""
        fault = self.fault
        return (
            not self.is_over
            and fault.phase == phase
            and fault.wire in {None, wire}
            and (fault.to is None or (to is not None and fault.to.casefold() == to.casefold()))
        )


class Faults:
    """The faults to come. The first that applies happens."""

    def __init__(self, weaknesses: Mapping[str, Weakness]) -> None:
        """`weaknesses` are those of each wire."""
        self._weaknesses = weaknesses
        self._numbers = count(1)
        self._scripted: list[Scripted] = []

    def add(self, fault: WireFault) -> Scripted:
        """Script one more.

        Raises:
            UnknownFault: there is no such wire, phase or answer.
        """
        wanted = fault.model_copy(update={"phase": fault.phase or self._phase_of(fault)})
        self._check(wanted)
        scripted = Scripted(f"fault-{next(self._numbers)}", wanted)
        self._scripted.append(scripted)
        return scripted

    def listed(self) -> Sequence[Scripted]:
        """Return all, those that are over included."""
        return list(self._scripted)

    def clear(self, fault_id: str | None = None) -> bool:
        """Forget this one, or all; return whether there was any. One that hangs goes on."""
        left = [each for each in self._scripted if fault_id not in {None, each.id}]
        was_any = len(left) < len(self._scripted)
        self._scripted = left
        return was_any

    def next(self, wire: str, phase: str, to: str | None = None) -> WireFault | None:
        """Return the fault that happens here and now, and count it."""
        for each in self._scripted:
            if each.applies(wire, phase, to):
                each.happened += 1
                return each.fault
        return None

    async def meet(self, wire: str, phase: str, to: str | None = None) -> WireFault | None:
        """Have a fault happen, if there is one for here and now.

        Returns it if it says what is to be answered; then, nothing else is to be done.

        Raises:
            HangUp: the connection is to be broken off.
        """
        fault = self.next(wire, phase, to)
        return None if fault is None else await happen(fault)

    def _phase_of(self, fault: WireFault) -> str:
        known = self._weaknesses.get(fault.wire or "")
        return (known.answers.get(fault.answer or "") if known else None) or RECEIVED

    def _check(self, fault: WireFault) -> None:
        wires = self._weaknesses
        if fault.wire is None:
            known = [*wires.values()]
        elif fault.wire in wires:
            known = [wires[fault.wire]]
        else:
            raise UnknownFault("wire", f"there is {_listed(wires)}")
        phases = {phase for each in known for phase in each.phases}
        if fault.phase not in phases:
            raise UnknownFault("phase", f"there is {_listed(phases)}")
        words = {*Break, *(known[0].answers if fault.wire else ())}
        if fault.answer is not None and fault.answer not in words:
            hint = "" if fault.wire else "; a wire's own words need its name in `wire`"
            raise UnknownFault("answer", f"there is {_listed(words)}{hint}")


async def happen(fault: WireFault) -> WireFault | None:
    """Have a fault happen; see `Faults.meet`."""
    await asyncio.sleep(fault.delay_seconds)
    if fault.answer == Break.HANG:
        await _hang()
    if fault.answer in set(Break):
        raise HangUp(Break(fault.answer))
    return None if fault.is_only_slow else fault


async def _hang() -> NoReturn:
    """Wait until cancelled, as it is when the other side hangs up."""
    await asyncio.Event().wait()
    raise AssertionError


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
