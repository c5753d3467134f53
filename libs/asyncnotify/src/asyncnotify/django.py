"""Django's mail through AsyncNotify: accepted mail is not lost, whatever happens afterwards.

EMAIL_BACKEND = "asyncnotify.django.EmailBackend"

Django 6.1 and later, options as those of `EmailBackend`:

MAILERS = {"default": {"BACKEND": "asyncnotify.django.EmailBackend", "OPTIONS": {}}}
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from email.utils import parseaddr
from functools import lru_cache
from typing import Any, Final

from django.conf import settings
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import EmailMessage
from django.utils.html import strip_tags

from asyncnotify.calls.batches import batches_of
from asyncnotify.errors import AsyncNotifyError
from asyncnotify.settings import api_key, gateway_url
from asyncnotify.sync_client import Client

KEY_HEADER: Final = "Idempotency-Key"
_MAY_BE_IGNORED: Final = frozenset({"from_email", "reply_to", "headers"})
_LONGEST: Final = {"subject": 255, "message": 10_000, "html": 100_000}


class NotCarried(AsyncNotifyError, ValueError):
    """Raised for a mail that AsyncNotify can't carry as it is; nothing of it was sent."""


class EmailBackend(BaseEmailBackend):  # type: ignore[misc] # Django has no types
    """Hands each mail to AsyncNotify, as one notification for each recipient.

    `url` and `key` come from ASYNCNOTIFY_URL and ASYNCNOTIFY_KEY where they are not given, in
    Django's settings or in the environment.

    An address needs no user: it gets one of its own, see `user_id_of`. Recipients don't see each
    other, also those of `cc`. The sender is that of the system's provider. What can't be carried
    raises `NotCarried`: attachments, other alternatives than HTML, `reply_to`, headers, and a
    `from_email` that is neither DEFAULT_FROM_EMAIL nor SERVER_EMAIL. The last three may be left
    out: `ignore`, or ASYNCNOTIFY_EMAIL_IGNORE, names them (`from_email`, `reply_to`, `headers`).
    With `fallback`, or ASYNCNOTIFY_EMAIL_FALLBACK, such mail goes another way: through this
    backend, or, with MAILERS, through this alias.

    The header `Idempotency-Key` is not sent: with it the same mail may be sent again, for 24 hours,
    and makes no second one.
    """

    def __init__(
        self,
        fail_silently: bool = False,
        *,
        alias: str | None = None,
        url: str | None = None,
        key: str | None = None,
        fallback: str | None = None,
        ignore: Collection[str] | None = None,
        **others: Any,  # noqa: ANN401 - what other backends take: Django gives it to all
    ) -> None:
        super().__init__(**others if alias is None else {"alias": alias, **others})
        self.alias = alias
        self._is_silent = fail_silently
        self._url = url or getattr(settings, "ASYNCNOTIFY_URL", None) or gateway_url()
        self._key = key or getattr(settings, "ASYNCNOTIFY_KEY", None) or api_key()
        self._fallback = fallback or getattr(settings, "ASYNCNOTIFY_EMAIL_FALLBACK", None)
        ignored = getattr(settings, "ASYNCNOTIFY_EMAIL_IGNORE", ()) if ignore is None else ignore
        self._ignored = frozenset(ignored)
        if unknown := self._ignored - _MAY_BE_IGNORED:
            raise ValueError(f"what may be ignored is {_MAY_BE_IGNORED}, not {unknown}")

    def send_messages(self, email_messages: Iterable[EmailMessage]) -> int:
        """Hand over the mails; return how many were accepted whole.

        Raises:
            AsyncNotifyError: one was not; with `fail_silently` it is only not counted.
        """
        sent = 0
        for message in email_messages:
            if not message.recipients():
                continue
            try:
                sent += self._send(message)
            except AsyncNotifyError:
                if not self._is_silent:
                    raise
        return sent

    def _send(self, message: EmailMessage) -> int:
        try:
            content = content_of(message, self._ignored)
        except NotCarried:
            if not self._fallback:
                raise
            return int(self._other_way().send_messages([message]) or 0)
        key = message.extra_headers.get(KEY_HEADER)
        addresses = list(dict.fromkeys(parseaddr(each)[1] for each in message.recipients()))
        client = _client(self._url, self._key)
        users = ({"user_id": user_id_of(each), "email": each} for each in addresses)
        for batch in batches_of(users):
            _raise_first(each.error for each in client.put_users(batch))
        wanted = (content | _to(address, key) for address in addresses)
        _raise_first([each.error for each in client.send_many(wanted)])
        return 1

    def _other_way(self) -> BaseEmailBackend:
        if self.alias is not None:
            return mail.mailers[self._fallback]
        return mail.get_connection(self._fallback, fail_silently=self._is_silent)


def user_id_of(address: str) -> str:
    """Return the id of the user that stands for an address: `mail-` and a hash of it.

    It is the same for the address in any case of letters, and does not show it in logs.
    """
    return f"mail-{hashlib.sha256(address.lower().encode()).hexdigest()[:32]}"


def content_of(message: EmailMessage, ignored: Collection[str] = ()) -> dict[str, object]:
    """Return a mail as the fields of a notification.

    Raises:
        NotCarried: there is something else in it.
    """
    faults = [fault for name, fault in _faults(message) if name not in ignored]
    if faults:
        raise NotCarried(f"AsyncNotify can't carry {', '.join(faults)}")
    html = [str(content) for content, _ in getattr(message, "alternatives", None) or ()]
    text = str(message.body)
    if message.content_subtype == "html":
        html, text = [text], strip_tags(text).strip()
    fields = {"subject": str(message.subject), "message": text, "html": html[0] if html else ""}
    for name, longest in _LONGEST.items():
        if len(fields[name]) > longest:
            raise NotCarried(f"AsyncNotify can't carry a {name} of more than {longest} characters")
    if not text:
        raise NotCarried("AsyncNotify can't carry a mail without text")
    return {"channel": "email", **{name: value for name, value in fields.items() if value}}


def _faults(message: EmailMessage) -> Iterator[tuple[str, str]]:
    kinds = [kind for _, kind in getattr(message, "alternatives", None) or ()]
    if message.attachments:
        yield "attachments", "attachments or inline images"
    if message.content_subtype not in {"plain", "html"}:
        yield "subtype", f"a body of the type text/{message.content_subtype}"
    if kinds and (kinds != ["text/html"] or message.content_subtype == "html"):
        yield "alternatives", f"the alternatives {', '.join(map(str, kinds))}"
    if message.reply_to:
        yield "reply_to", "reply_to"
    if others := message.extra_headers.keys() - {KEY_HEADER}:
        yield "headers", f"the headers {', '.join(sorted(others))}"
    if message.from_email not in {settings.DEFAULT_FROM_EMAIL, settings.SERVER_EMAIL}:
        yield "from_email", f"the sender {message.from_email}"


def _to(address: str, key: str | None) -> dict[str, object]:
    fields: dict[str, object] = {"user_id": user_id_of(address)}
    if key is not None:
        # One key is one notification, and each recipient has their own.
        own = hashlib.sha256(f"{key}\n{address}".encode()).hexdigest()
        fields["idempotency_key"] = own
    return fields


def _raise_first(errors: Iterable[AsyncNotifyError | None]) -> None:
    for error in errors:
        if error is not None:
            raise error


@lru_cache(maxsize=8)
def _client(url: str, key: str | None) -> Client:
    """Return the one client of this process: Django makes a backend for every mail."""
    return Client(url, key=key)


__all__: Sequence[str] = ("EmailBackend", "NotCarried", "content_of", "user_id_of")
