"""Which proxy stands before a gateway, by the usual variables: HTTP_PROXY, ALL_PROXY, NO_PROXY."""

import ipaddress
from contextlib import suppress
from urllib.request import getproxies, proxy_bypass

import httpx

from asyncnotify.errors import BadSetup


def proxy_for(url: httpx.URL) -> str | None:
    """Return the proxy's URL, or None: this machine itself is always reached without one.

    Raises:
        BadSetup: it is not an HTTP proxy.
    """
    if is_this_machine(url.host) or proxy_bypass(url.host):
        return None
    proxies = getproxies()
    named = proxies.get(url.scheme) or proxies.get("all")
    if not named:
        return None
    proxy = named if "://" in named else f"http://{named}"
    if not _is_for_http(proxy):
        raise BadSetup(
            f"the environment (ALL_PROXY, {url.scheme.upper()}_PROXY) names a proxy for {url.host}"
            " that is not an HTTP proxy; http:// and https:// ones can be used,"
            f" and NO_PROXY={url.host} does without"
        )
    return proxy


def _is_for_http(proxy: str) -> bool:
    try:
        url = httpx.URL(proxy)
    except httpx.InvalidURL:
        return False
    return url.scheme in {"http", "https"} and bool(url.host)


def is_this_machine(host: str) -> bool:
    """Tell whether a host is reached by loopback."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")
