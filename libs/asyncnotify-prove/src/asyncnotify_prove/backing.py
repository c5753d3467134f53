"""On what a system is proved: which broker, which ledger, and which of them may be killed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

from asyncnotify_prove.faults import (
    BY_NAME_ONLY,
    CLOCK_FAULTS,
    PROVIDER_FAULTS,
    RABBITMQ_FAILPOINTS,
    REDIS_FAILPOINTS,
    Fault,
)
from asyncnotify_prove.wall_clock import find_faketime

_REDIS: Final = "redis"
_RABBITMQ: Final = "amqp"
_MEMORY: Final = "memory"
_ON_OWN_BROKER: Final = frozenset({Fault.KILL_BROKER, Fault.RESTART_BROKER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Backing:
    """The broker and the ledger of a run, and whether the lab is in the place of its providers.

    A URL without a host, as `amqp://`, means a server of the run's own, which may be killed. The
    `ledger_url` is for RabbitMQ only, and is then `redis://` unless something else is said.
    """

    broker_url: str = "redis://"
    ledger_url: str | None = None
    has_lab: bool = False

    @classmethod
    def parse(cls, broker_url: str, ledger_url: str | None, *, has_lab: bool = False) -> Self:
        """Check what was asked for.

        Raises:
            ValueError: it can't be had; says why.
        """
        scheme = urlsplit(broker_url).scheme
        if scheme not in {_REDIS, _RABBITMQ}:
            raise ValueError(
                f"a run goes through a proxy, so its broker is redis:// or amqp://, not {scheme}://"
            )
        if scheme == _REDIS and ledger_url:
            raise ValueError("a queue on Redis keeps the ledger itself; leave the ledger's URL out")
        if ledger_url and urlsplit(ledger_url).scheme not in {_REDIS, _MEMORY}:
            raise ValueError("the ledger's URL begins with redis:// or is memory://")
        return cls(
            broker_url=broker_url,
            ledger_url=None if scheme == _REDIS else ledger_url or "redis://",
            has_lab=has_lab,
        )

    @property
    def is_on_rabbitmq(self) -> bool:
        """Whether the broker is RabbitMQ."""
        return urlsplit(self.broker_url).scheme == _RABBITMQ

    @property
    def owns_broker(self) -> bool:
        """Whether the broker is started for the run."""
        return not urlsplit(self.broker_url).hostname

    @property
    def is_tracked_in_memory(self) -> bool:
        """Whether the publisher keeps the records, as long as it lives."""
        return urlsplit(self.ledger_url or "").scheme == _MEMORY

    @property
    def owns_ledger(self) -> bool:
        """Whether there is a ledger beside the broker that is started for the run."""
        if not self.ledger_url or self.is_tracked_in_memory:
            return False
        return not urlsplit(self.ledger_url).hostname

    @property
    def owns_redis(self) -> bool:
        """Whether a Redis is started for the run, as broker or as ledger."""
        return self.owns_ledger or (self.owns_broker and not self.is_on_rabbitmq)

    @property
    def name(self) -> str:
        """What the report calls it."""
        if not self.is_on_rabbitmq:
            return "Redis"
        where = "the publisher's memory" if self.is_tracked_in_memory else "Redis"
        return f"RabbitMQ, records in {where}"

    @property
    def failpoints(self) -> Sequence[str]:
        """The lines at which a dispatcher may be made to die."""
        return RABBITMQ_FAILPOINTS if self.is_on_rabbitmq else REDIS_FAILPOINTS

    def possible(self) -> list[Fault]:
        """List the faults that can be done, and survived, whatever is sent.

        A broker that is not the run's own is not killed. Nor is a publisher that keeps the records
        in its memory: a restart loses them, as documented.
        """
        return [fault for fault in Fault if fault not in BY_NAME_ONLY and not self._why_not(fault)]

    def impossible(self) -> dict[Fault, str]:
        """Say why the others are left out."""
        whys = {fault: self._why_not(fault) or BY_NAME_ONLY.get(fault, "") for fault in Fault}
        return {fault: why for fault, why in whys.items() if why}

    def select(self, faults: Sequence[Fault]) -> list[Fault]:
        """Return the faults that were asked for by name.

        Raises:
            ValueError: one of them makes no sense here; says why.
        """
        for fault in faults:
            if why := self._why_not(fault):
                raise ValueError(f"{fault}: {why}")
        return list(faults)

    def _why_not(self, fault: Fault) -> str:
        reasons = (
            (fault in PROVIDER_FAULTS and not self.has_lab, "only with --providers lab"),
            (fault is Fault.POISON and self.has_lab, "only a fake ends the dispatcher"),
            (
                fault in _ON_OWN_BROKER and not self.owns_broker,
                "the broker is not this run's own; give amqp:// or redis:// without a host",
            ),
            (
                fault is Fault.BROKER_ALARM and not (self.is_on_rabbitmq and self.owns_broker),
                "only a RabbitMQ of this run's own can be told to take nothing",
            ),
            (
                fault is Fault.KILL_LEDGER and not self.owns_ledger,
                "there is no ledger of this run's own beside the broker",
            ),
            (
                fault is Fault.KILL_PUBLISHER and self.is_tracked_in_memory,
                "the records are in the publisher's memory",
            ),
            (
                fault is Fault.BROKER_CLOCK_JUMP and not self.owns_redis,
                "there is no Redis of this run's own",
            ),
            (
                fault in CLOCK_FAULTS and find_faketime() is None,
                "libfaketime is not installed (Debian: apt-get install faketime)",
            ),
        )
        return next((why for applies, why in reasons if applies), "")
