"""Looks at a running system through its gateway: what works, what does not, and what to do."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final

import httpx

from asyncnotify.answers import JsonObject, read_answer
from asyncnotify.counted import counted
from asyncnotify.errors import (
    AsyncNotifyError,
    Forbidden,
    Refused,
    Unauthenticated,
    Unreachable,
)
from asyncnotify.findings import Finding
from asyncnotify.free_space import DATA_DIR, free_space
from asyncnotify.no_answer import why_no_answer
from asyncnotify.proxies import is_this_machine, proxy_for

LARGEST_CLOCK_ERROR_SECONDS: Final = 5.0
LONGEST_WAIT_SECONDS: Final = 60.0
"""Longer nothing waits while somebody works, but for what is retried."""

_TIMEOUT_SECONDS: Final = 15.0
_GIVE_A_KEY: Final = "give one: ASYNCNOTIFY_KEY, ASYNCNOTIFY_KEY_FILE, --key-file FILE, or --key -"
_TRY_IT: Final = "`asyncnotify doctor --provider-file FILE` with its URL says what is wrong"


class Checkup:
    """One look at the system behind the gateway at `url`. Use it as a context manager.

    Of a system on this machine it also looks at the disk of `data_dir`.

    Raises:
        BadSetup: a proxy that the environment names can't be used.
    """

    def __init__(
        self,
        url: str,
        transport: httpx.BaseTransport | None = None,
        *,
        key: str | None = None,
        data_dir: Path = DATA_DIR,
    ) -> None:
        self._url = url
        self._data_dir = data_dir
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
        key = self._key()
        yield key
        yield from self._services()
        if key.is_ok:
            yield from self._pipeline()
            yield self._asked("ledger", "/notifications?limit=1", "the notification-publisher")
            yield self._asked("users", "/users?limit=1", "the user-service")
            yield from self._providers()
        if is_this_machine(httpx.URL(self._url).host):
            yield free_space(self._data_dir)

    def _get(self, path: str) -> httpx.Response:
        try:
            return self._http.get(path)
        except httpx.RequestError as error:
            words = why_no_answer(error, self._proxy)
            raise Unreachable(f"no answer from {self._url}: {words}") from error

    def _key(self) -> Finding:
        """Tell whether the gateway wants a key, and whether ours will do."""
        try:
            session = read_answer(self._get("/session"), ("auth", "is_signed_in"))
        except Refused as error:
            return Finding(name="key", is_ok=False, words=str(error), advice=_GIVE_A_KEY)
        except AsyncNotifyError as error:
            advice = "is the gateway of this release?"
            return Finding(name="key", is_ok=False, words=str(error), advice=advice)
        if session["auth"] == "none":
            return Finding(name="key", is_ok=True, words="none is needed")
        if not session["is_signed_in"]:
            words = "one is needed, and there is none, or none that is known"
            return Finding(name="key", is_ok=False, words=words, advice=_GIVE_A_KEY)
        key = session["key"]
        words = f"{key['name']} ({key['prefix']}), scopes: {', '.join(key['scopes'])}"
        if key["kind"] == "test":
            words += "; it is a test key: what it sends reaches nobody"
        return Finding(name="key", is_ok=True, words=words)

    def _pipeline(self) -> Iterator[Finding]:
        """Tell what the broker holds, and whether it is taken up."""
        try:
            pipeline = read_answer(self._get("/pipeline"), ("waiting", "lanes"))
        except AsyncNotifyError as error:
            yield _failed("broker", error, "look into the log of the notification-publisher")
            return
        counts = f"{pipeline['waiting']} waiting, {pipeline['in_flight']} in flight"
        oldest = pipeline.get("oldest_seconds") or 0.0
        if oldest > LONGEST_WAIT_SECONDS and not pipeline["in_flight"]:
            words = f"{counts}; nothing has been taken up for {oldest:.0f} s"
            advice = "nothing is lost; is a dispatcher running, is the channel paused?"
            yield Finding(name="broker", is_ok=False, words=words, advice=advice)
        else:
            yield Finding(name="broker", is_ok=True, words=counts)
        if dead := pipeline["dead"]:
            advice = "`asyncnotify dlq list` says why; `dlq replay` sends them again"
            words = f"{counted(dead, 'notification')} given up"
            yield Finding(name="dead letters", is_ok=True, words=words, advice=advice)
        for channel in pipeline.get("channels") or ():
            if channel["is_paused"]:
                words = f"is paused since {channel['paused_at']}: what is for it waits"
                advice = f"`asyncnotify channels resume {channel['channel']}` lets it go on"
                name = f"channel {channel['channel']}"
                yield Finding(name=name, is_ok=False, words=words, advice=advice)

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
            return _failed(name, error, f"look into the log of {where}")
        return Finding(name=name, is_ok=True, words="can be read")

    def _providers(self) -> Iterator[Finding]:
        try:
            answer = read_answer(self._get("/providers"), ("channels", "delivery"))
        except AsyncNotifyError as error:
            advice = "what is accepted waits, and is not lost; start a dispatcher"
            yield _failed("dispatcher", error, advice)
            return
        mode = answer["delivery"]
        really = "go to their addresses" if mode == "live" else "do not all go to their addresses"
        yield Finding(name="dispatcher", is_ok=True, words=f"DELIVERY is {mode}: messages {really}")
        for channel in answer["channels"]:
            for provider in channel["providers"]:
                yield _provider(channel["channel"], provider)


def _failed(name: str, error: AsyncNotifyError, advice: str) -> Finding:
    is_forbidden = isinstance(error, Unauthenticated | Forbidden)
    advice = (
        "the key may not look at it: take one with the scope `read`" if is_forbidden else advice
    )
    return Finding(name=name, is_ok=False, words=str(error), advice=advice)


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
    elif provider.get("scheme") == "fake":
        words = "is a fake: it takes messages, and sends nothing to anybody"
        advice = f"{channel.upper()}_PROVIDERS names the real one, when there is to be one"
        return Finding(name=name, is_ok=True, words=words, advice=advice)
    else:
        return Finding(name=name, is_ok=True, words="takes messages")
    return Finding(name=name, is_ok=False, words=words, advice=advice)
