"""Host names and origins: which requests of a browser are refused.

A browser sends requests on behalf of any page that it shows, to whatever is reachable from where it
runs. The browser, not the page, sets two things: the name that the page used (`Host`), and where
the page is from (`Sec-Fetch-Site`, `Origin`). A foreign name means that its owner points it at this
address (DNS rebinding), and could read the answer; a page of another site may not change anything.
"""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final
from urllib.parse import urlsplit

from service_kit.http.problems import Problem
from service_kit.settings import ServiceSettings, comma_separated

UNKNOWN_HOST = Problem(421, "unknown_host", "The service is not known by this host name")
CROSS_SITE = Problem(403, "cross_site_request", "Another website may not do this")

# RFC 9110, 9.2.1: they change nothing.
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_OWN_PAGES: Final = frozenset({b"same-origin", b"none"})
_EVERY: Final = "*"
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def access_of(settings: ServiceSettings, *, service: str, listens_on: str) -> "Access":
    """Give the rules that the settings ask for."""
    return Access(
        service=service,
        listens_on=listens_on,
        hosts=comma_separated(settings.allowed_hosts),
        origins=comma_separated(settings.allowed_origins),
    )


class Access:
    """Which names a service goes by, and which pages may change something.

    Loopback names always belong to it, and so do its own name and the address it listens on. If it
    listens on all addresses, any IP address does: an address can't be pointed elsewhere. `hosts`
    are further names, `.example.com` those below one, `*` every name; `origins` are the origins,
    such as `https://example.com`, whose pages may do what the service's own may.
    """

    def __init__(
        self,
        *,
        service: str,
        listens_on: str,
        hosts: Iterable[str] = (),
        origins: Iterable[str] = (),
    ) -> None:
        address = _as_ip(listens_on)
        named = {host.lower() for host in hosts}
        self.origins = frozenset(origin.lower() for origin in origins)
        self._any_ip = address is not None and address.is_unspecified
        self._any_name = _EVERY in named
        self._names = named | {"localhost", service, listens_on.lower()}
        self._endings = (".localhost", *(name for name in named if name.startswith(".")))
        # Asked for each request, of few different names.
        self._knows = lru_cache(maxsize=256)(self._is_ours)

    def refusal(
        self, method: str, host: bytes | None, origin: bytes | None, site: bytes | None
    ) -> tuple[Problem, str] | None:
        """Say why a request is refused, by its method, `Host`, `Origin` and `Sec-Fetch-Site`.

        A request without a header is no browser's.
        """
        if host is not None and not self._knows(host):
            return UNKNOWN_HOST, "`ALLOWED_HOSTS` lists its names, besides loopback names."
        if method in _SAFE or self._may_change(host, origin, site):
            return None
        return CROSS_SITE, "`ALLOWED_ORIGINS` lists the origins that may."

    def _may_change(self, host: bytes | None, origin: bytes | None, site: bytes | None) -> bool:
        if origin is None and site is None:
            return True
        if origin is not None and origin.decode("latin-1").lower() in self.origins:
            return True
        if site is not None:
            return site in _OWN_PAGES
        return origin is not None and _is_same(origin, host)

    def _is_ours(self, host: bytes) -> bool:
        if self._any_name:
            return True
        try:
            name = urlsplit(f"//{host.decode('ascii')}").hostname or ""
        except ValueError:
            return False
        name = name.removesuffix(".")
        address = _as_ip(name)
        if address is not None and (address.is_loopback or self._any_ip):
            return True
        return name in self._names or name.endswith(self._endings)


def _is_same(origin: bytes, host: bytes | None) -> bool:
    """Compare the origin's host and port; before us, TLS may have ended, so not the scheme."""
    try:
        page = urlsplit(origin.decode("ascii"))
        asked = urlsplit(f"//{(host or b'').decode('ascii')}")
        there, here = (page.hostname, page.port), (asked.hostname, asked.port)
    except ValueError:
        return False
    default = _DEFAULT_PORTS.get(page.scheme)
    return there[0] is not None and (there[0], there[1] or default) == (here[0], here[1] or default)


def _as_ip(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None
