"""Looks at a running system through its gateway: what works, what does not, and what to do."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx

from asyncnotify.answers import JsonObject, read_answer
from asyncnotify.errors import AsyncNotifyError, Unreachable
from asyncnotify.findings import Finding
from asyncnotify.no_answer import why_no_answer
from asyncnotify.proxies import proxy_for

LARGEST_CLOCK_ERROR_SECONDS: Final = 5.0
_TIMEOUT_SECONDS: Final = 15.0
_TRY_IT: Final = "`asyncnotify doctor --provider-file FILE` with its URL says what is wrong"


class Checkup:
    """One look at the system behind the gateway at `url`. Use it as a context manager.

    Raises:
        BadSetup: a proxy that the environment names can't be used.
    """

    def __init__(
        self, url: str, transport: httpx.BaseTransport | None = None, *, key: str | None = None
    ) -> None:
        self._url = url
        self._proxy = None if transport else proxy_for(httpx.URL(url))
        self._http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            proxy=self._proxy,
            transport=transport,
            trust_env=False,
            timeout=_TIMEOUT_SECONDS,
        )

    def __enter__(self) -> "Checkup":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def findings(self) -> Iterator[Finding]:
        """Yield each finding as soon as it is there; without a gateway there is only one."""
        began = time.time()
        try:
            alive = self._get("/health/live")
            read_answer(alive, ("status",))
        except AsyncNotifyError as error:
            advice = "start it with `asyncnotify up`, or set ASYNCNOTIFY_URL to where it is"
            yield Finding(name="gateway", is_ok=False, words=str(error), advice=advice)
            return
        yield Finding(name="gateway", is_ok=True, words=f"answers at {self._url}")
        yield from _clock(alive, began)
        yield from self._services()
        yield self._asked("records", "/notifications?limit=1", "the notification-publisher's log")
        yield self._asked("users", "/users?limit=1", "the user-service's log")
        yield from self._providers()

    def _get(self, path: str) -> httpx.Response:
        try:
            return self._http.get(path)
        except httpx.RequestError as error:
            words = why_no_answer(error, self._proxy)
            raise Unreachable(f"no answer from {self._url}: {words}") from error

    def _services(self) -> Iterator[Finding]:
        """Tell what the gateway's readiness says of the services behind it."""
        try:
            answer = self._get("/health/ready").json()
            checks: dict[str, dict[str, str]] = answer["checks"]
        except (AsyncNotifyError, ValueError, KeyError, TypeError) as error:
            yield Finding(name="readiness", is_ok=False, words=f"can't be read: {error}")
            return
        for name, check in checks.items():
            if check.get("status") == "ok":
                yield Finding(name=name, is_ok=True, words="is ready")
                continue
            words = check.get("error", "is not ready")
            advice = f"is it running? Its own /health/ready, and the log of {name}, say more"
            yield Finding(name=name, is_ok=False, words=words, advice=advice)

    def _asked(self, name: str, path: str, where: str) -> Finding:
        try:
            read_answer(self._get(path), ("items",))
        except AsyncNotifyError as error:
            return Finding(name=name, is_ok=False, words=str(error), advice=f"look into {where}")
        return Finding(name=name, is_ok=True, words="can be read")

    def _providers(self) -> Iterator[Finding]:
        try:
            answer = read_answer(self._get("/providers"), ("channels", "delivery"))
        except AsyncNotifyError as error:
            advice = "what is accepted waits, and is not lost; start a dispatcher"
            yield Finding(name="dispatcher", is_ok=False, words=str(error), advice=advice)
            return
        mode = answer["delivery"]
        really = "go where they are to go" if mode == "live" else "do not all go to their addresses"
        yield Finding(name="dispatcher", is_ok=True, words=f"DELIVERY is {mode}: messages {really}")
        for channel in answer["channels"]:
            for provider in channel["providers"]:
                yield _provider(channel["channel"], provider)


def _clock(alive: httpx.Response, began: float) -> Iterator[Finding]:
    """Compare the gateway's clock with this machine's, as far as its answer's date shows it."""
    try:
        there = parsedate_to_datetime(alive.headers.get("Date", ""))
    except ValueError:
        return
    there = there if there.tzinfo else there.replace(tzinfo=UTC)
    here = datetime.fromtimestamp((began + time.time()) / 2, UTC)
    seconds = (there - here).total_seconds()
    if abs(seconds) <= LARGEST_CLOCK_ERROR_SECONDS:
        yield Finding(name="clock", is_ok=True, words="agrees with this machine's")
        return
    words = f"differs from this machine's by {seconds:.0f} s"
    advice = "`send_at` and `expires_at` depend on it: set both by NTP"
    yield Finding(name="clock", is_ok=False, words=words, advice=advice)


def _provider(channel: str, provider: JsonObject) -> Finding:
    name = f"{channel}: {provider['name']}"
    state: Any = provider["breaker"]
    if provider["reason"]:
        words = f"refuses this system ({provider['reason']}), and gets no call"
        advice = f"correct {channel.upper()}_PROVIDERS; {_TRY_IT}"
    elif state != "closed":
        words = "has failed too often, and gets few calls or none"
        advice = f"what is accepted waits, and is not lost; {_TRY_IT}"
    elif provider["paused_until"]:
        words = f"asked for no call until {provider['paused_until']}"
        advice = "nothing: no attempt is used up; a second provider would take over"
    else:
        return Finding(name=name, is_ok=True, words="takes messages")
    return Finding(name=name, is_ok=False, words=words, advice=advice)
