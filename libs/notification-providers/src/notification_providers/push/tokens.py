"""Which service an address of the push channel belongs to.

A Web Push address is the subscription as the browser's `JSON.stringify` writes it, an APNs address
a device token in hexadecimal; any other is a token of FCM. A prefix, `apns:` or `fcm:`, settles it.
"""

import re
from enum import StrEnum
from typing import Final

# Apple: "Don't hard-code the size": so far 32 bytes, announced up to 100.
_APNS_TOKEN: Final = re.compile(r"(?:[0-9A-Fa-f]{2}){32,100}")


class PushService(StrEnum):
    """Who carries a push message to a device."""

    WEB_PUSH = "webpush"
    FCM = "fcm"
    APNS = "apns"


def service_of(address: str) -> PushService:
    """Tell whose address this is."""
    prefix, colon, _ = address.partition(":")
    if colon and prefix in (PushService.FCM, PushService.APNS):
        return PushService(prefix)
    if address.lstrip().startswith("{"):
        return PushService.WEB_PUSH
    return PushService.APNS if is_device_token(address) else PushService.FCM


def is_device_token(token: str) -> bool:
    """Tell whether this can be a device token of APNs."""
    return _APNS_TOKEN.fullmatch(token) is not None


def bare_token(address: str) -> str:
    """Return the token without the prefix that settles whose it is."""
    prefix, colon, rest = address.partition(":")
    return rest if colon and prefix in (PushService.FCM, PushService.APNS) else address
