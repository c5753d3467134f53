"""What the calls about keys answer."""

from datetime import datetime

from asyncnotify.models.base import Answer, Page


class KeyLimits(Answer):
    """What a key may use up; None is what holds for keys without limits of their own."""

    requests_per_second: int | None
    burst: int | None
    notifications_per_day: int | None
    streams: int | None


class Key(Answer):
    """What a key may do, whether it counts, and when it was last used."""

    required = ("prefix", "name")
    prefix: str
    name: str
    kind: str
    scopes: list[str]
    channels: list[str] | None
    limits: KeyLimits
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    replaced_by: str | None
    grace_ends_at: datetime | None
    revoked_at: datetime | None
    is_active: bool


class NewKey(Key):
    """A key with its text, `key`, which is shown this once."""

    required = ("prefix", "key")
    key: str


class KeyPage(Page[Key]):
    """Keys, newest first."""

    entry = Key


class Actor(Answer):
    """Whose key it was."""

    name: str
    prefix: str


class AuditEntry(Answer):
    """One change: what, by whom, on how many, and with which status it was answered."""

    at: datetime
    actor: Actor | None
    action: str
    target: str | None
    count: int | None
    status: int
    request_id: str


class AuditPage(Page[AuditEntry]):
    """Changes, newest first."""

    entry = AuditEntry
