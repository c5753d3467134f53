"""All about keys, put together: the store, who is known, what goes on in the background."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from service_kit.epoch import utc_now
from service_kit.http.app import Check
from service_kit.lifecycle import BackgroundTasks, Resource
from service_kit.sql.urls import MEMORY_URL

from gateway.application.audit import AuditTrail
from gateway.application.client_limits import ClientLimits
from gateway.application.first_key import SetUpFirstKey
from gateway.application.known_keys import KnownKeys
from gateway.application.limits import Limiter, UsageStore
from gateway.application.manage_keys import ManageKeys
from gateway.application.ports import AuditLog, KeyStore
from gateway.application.sessions import Sessions
from gateway.infrastructure.key_file import PrivateKeyFile
from gateway.infrastructure.limits_memory import InMemoryUsage
from gateway.infrastructure.memory import InMemoryAudit, InMemoryKeys
from gateway.interface.door import Door
from gateway.interface.key_upkeep import KeyUpkeep
from gateway.interface.limits import draw_for
from gateway.settings import GatewaySettings


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyParts:
    """What the routes need of keys. Without a `door` no key is needed."""

    known: KnownKeys
    manage: ManageKeys
    sessions: Sessions
    trail: AuditTrail
    limits: ClientLimits
    door: Door | None
    resources: Sequence[Resource]

    @property
    def needed(self) -> KnownKeys | None:
        """Return the known keys if a key is needed."""
        return self.known if self.door else None

    @property
    def checks(self) -> Mapping[str, Check]:
        """Return what readiness asks of keys: without them nobody can be let in."""
        return {"keys": self._check} if self.door else {}

    async def _check(self) -> None:
        self.known.check()


def open_keys(settings: GatewaySettings, *, store: KeyStore | None = None) -> KeyParts:
    """Put it together, on the database of the settings; keys may be in a `store` of their own."""
    opened: list[Resource] = []
    log: AuditLog = InMemoryAudit()
    usage: UsageStore = InMemoryUsage()
    if settings.gateway_database_url != MEMORY_URL:
        from gateway.infrastructure.sql.opening import open_database  # noqa: PLC0415 - see there

        kept = open_database(settings.gateway_database_url)
        opened.append(kept.database)
        store, log, usage = store or kept.keys, kept.audit, kept.usage
    store = store or InMemoryKeys()
    known, trail = KnownKeys(store), AuditTrail(log, utc_now)
    upkeep = KeyUpkeep(
        known,
        trail,
        first_key=_first_key(settings, store),
        how_to_see=settings.how_to_see_first_key,
    )
    limiter = Limiter(usage, apart=InMemoryUsage())
    drawing = [("limits", partial(draw_for, limiter))] if settings.needs_keys else []
    return KeyParts(
        known=known,
        manage=ManageKeys(store=store, now=utc_now),
        sessions=Sessions(store=store, known=known, now=utc_now),
        trail=trail,
        limits=ClientLimits(limiter, settings.key_limits),
        door=Door(known) if settings.needs_keys else None,
        resources=[*opened, upkeep, BackgroundTasks(("keys", upkeep.run), *drawing)],
    )


def _first_key(settings: GatewaySettings, store: KeyStore) -> SetUpFirstKey | None:
    if settings.gateway_first_key_path is None:
        return None
    file = PrivateKeyFile(settings.gateway_first_key_path)
    return SetUpFirstKey(store=store, file=file, now=utc_now)
