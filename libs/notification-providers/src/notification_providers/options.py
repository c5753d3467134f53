"""Options that several providers have."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from notification_providers.urls import InvalidProviderUrl


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
