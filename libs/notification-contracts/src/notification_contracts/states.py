"""Where a notification is (`Status`), and why (`Reason`). Two fields, never one."""

from enum import StrEnum


class Status(StrEnum):
    """Where a notification is. It moves forward only."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    VALIDATED = "validated"
    SENDING = "sending"
    RETRYING = "retrying"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        """True when nothing more happens without an operator or a provider's receipt."""
        return self in _FINAL


_FINAL = frozenset({Status.SENT, Status.DELIVERED, Status.FAILED, Status.CANCELLED, Status.EXPIRED})


class Reason(StrEnum):
    """Why a notification has its status: a stable code for programs."""

    UNKNOWN_USER = "unknown_user"
    NO_ADDRESS = "no_address"
    INVALID_ADDRESS = "invalid_address"
    OPTED_OUT = "opted_out"
    QUIET_HOURS = "quiet_hours"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    PROVIDER_REJECTED = "provider_rejected"
    PROVIDER_AUTH = "provider_auth"
    ADDRESS_GONE = "address_gone"
    SUPPRESSED = "suppressed"
    GUARDED = "guarded"
    RATE_LIMITED = "rate_limited"
    CONTACTS_UNAVAILABLE = "contacts_unavailable"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    AMBIGUOUS = "ambiguous"
    POISON = "poison"
    UNDECODABLE = "undecodable"
    UNSUPPORTED_VERSION = "unsupported_version"
    UNKNOWN_CHANNEL = "unknown_channel"
    MESSAGE_TOO_LONG = "message_too_long"
    LEASE_LOST = "lease_lost"


class Priority(StrEnum):
    """Which of the waiting notifications goes first."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"
