"""Options that several providers have."""

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from notification_providers.urls import InvalidProviderUrl

_TOKEN: Final = re.compile(r"[!-~]+")


def checked_url(name: str, text: str) -> str:
    """Return an absolute URL that carries secrets: https, or http on this machine alone.

    Raises:
        InvalidProviderUrl: it is no such URL.
    """
    parts = urlsplit(text)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))
    if not parts.hostname or not is_safe:
        raise InvalidProviderUrl(f"{name} must be an https URL, or http on this machine")
    return text


def is_loopback(host: str | None) -> bool:
    """True for this machine, by name or address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False


def yes_or_no(name: str, text: str | None) -> bool:
    """Read an option that is `yes` or `no`; without it, no.

    Raises:
        InvalidProviderUrl: it is neither.
    """
    if text not in {"yes", "no", None}:
        raise InvalidProviderUrl(f"{name} must be yes or no")
    return text == "yes"


def read_token(name: str, text: str) -> str:
    """Return a key or token that stands in a header.

    Raises:
        InvalidProviderUrl: no header can hold it. It does not quote it.
    """
    if not _TOKEN.fullmatch(text):
        raise InvalidProviderUrl(f"{name} must be printable ASCII without spaces")
    return text
