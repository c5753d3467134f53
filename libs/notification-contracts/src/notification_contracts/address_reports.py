"""What is reported of addresses: providers learn it, the dispatcher tells the user-service."""

from enum import StrEnum


class ReportKind(StrEnum):
    """What happened at an address."""

    GONE = "gone"
    BOUNCE = "bounce"
    SOFT_BOUNCE = "soft_bounce"
    COMPLAINT = "complaint"
    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    USED = "used"
