"""From an `smtp://` or `smtps://` URL to its provider."""

import re
from email.headerregistry import Address
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

from notification_providers.mailboxes import read_mailbox
from notification_providers.options import is_loopback
from notification_providers.smtp.bounces import BounceReader
from notification_providers.smtp.mail import Letterhead
from notification_providers.smtp.provider import SmtpProvider
from notification_providers.smtp.return_path import LONGEST_LOCAL_PART, ReturnPath
from notification_providers.smtp.server import Credentials, Login, SmtpServer, StartTls
from notification_providers.urls import InvalidProviderUrl, ProviderContext, ProviderUrl

_OPTIONS: Final = (
    "auth",
    "bounce_secret",
    "ca",
    "ehlo",
    "envelope_from",
    "from",
    "idempotency_header",
    "reply_to",
    "starttls",
    "token_file",
    "verp",
)
_SHORTEST_SECRET: Final = 16
_HEADER: Final = re.compile(r"[A-Za-z0-9-]+")
_HOST: Final = re.compile(r"[A-Za-z0-9.:\[\]-]+")
_Choice = TypeVar("_Choice", bound=StrEnum)


def smtp_provider(url: ProviderUrl, context: ProviderContext) -> SmtpProvider:
    """Make the provider that a URL such as `smtps://USER:PASSWORD@HOST?from=ADDRESS` describes."""
    url.only_options(_OPTIONS)
    options = url.options
    sender = _sender(url)
    header = options.get("idempotency_header")
    if header is not None and not _HEADER.fullmatch(header):
        raise InvalidProviderUrl("idempotency_header must be a header's name")
    return_path = _return_path(url)
    envelope_sender = options.get("verp", options.get("envelope_from", sender.addr_spec))
    return SmtpProvider(
        server=_server(url),
        envelope_sender=read_mailbox("envelope_from", envelope_sender).addr_spec,
        letterhead=Letterhead(
            sender=sender,
            reply_to=str(read_mailbox("reply_to", options["reply_to"]))
            if "reply_to" in options
            else None,
            idempotency_header=header,
        ),
        patience=url.limits.patience,
        now=context.now,
        return_path=return_path,
        bounces=_bounces(return_path, sender, context),
    )


def _return_path(url: ProviderUrl) -> ReturnPath | None:
    verp, secret = url.options.get("verp"), url.options.get("bounce_secret")
    if verp is None and secret is None:
        return None
    if verp is None or secret is None or "envelope_from" in url.options:
        raise InvalidProviderUrl("verp and bounce_secret go together, instead of envelope_from")
    if len(secret) < _SHORTEST_SECRET or not secret.isascii() or " " in secret:
        raise InvalidProviderUrl(f"bounce_secret must have {_SHORTEST_SECRET} characters, no space")
    address = read_mailbox("verp", verp)
    if len(address.username) > LONGEST_LOCAL_PART:
        raise InvalidProviderUrl(f"verp may have {LONGEST_LOCAL_PART} characters before its @")
    return ReturnPath(local=address.username, domain=address.domain, secret=secret)


def _bounces(
    return_path: ReturnPath | None, sender: Address, context: ProviderContext
) -> BounceReader | None:
    if return_path is None:
        return None
    return BounceReader(
        channel=context.channel,
        domain=sender.domain,
        return_path=return_path,
        secret=return_path.secret,
    )


def _server(url: ProviderUrl) -> SmtpServer:
    if not url.host or url.path.strip("/"):
        raise InvalidProviderUrl("it is smtp://HOST or smtp://USER:PASSWORD@HOST, without a path")
    has_tls, credentials = url.scheme == "smtps", _credentials(url)
    is_local = is_loopback(url.host)
    must = credentials is not None and not is_local
    starttls = _choice(url, StartTls, "starttls")
    if has_tls and starttls is not None:
        raise InvalidProviderUrl("starttls is for smtp://; smtps:// is encrypted from the start")
    ehlo = url.options.get("ehlo")
    if ehlo is not None and not _HOST.fullmatch(ehlo):
        raise InvalidProviderUrl("ehlo must be a host's name")
    return SmtpServer(
        host=url.host,
        port=url.port or _usual_port(has_tls, credentials),
        is_local=is_local,
        has_tls=has_tls,
        starttls=starttls or (StartTls.REQUIRED if must else StartTls.OPTIONAL),
        ca_file=url.options.get("ca"),
        credentials=credentials,
        ehlo=ehlo,
    )


def _usual_port(has_tls: bool, credentials: Credentials | None) -> int:
    """Return the port of submission for who signs in, else that of servers: RFC 8314, RFC 6409."""
    if has_tls:
        return 465
    return 25 if credentials is None else 587


def _credentials(url: ProviderUrl) -> Credentials | None:
    login, token_file = _choice(url, Login, "auth"), url.options.get("token_file")
    if (login is Login.XOAUTH2) != (token_file is not None):
        raise InvalidProviderUrl("auth=xoauth2 and token_file go together")
    if not url.user:
        if login is not None or url.password:
            raise InvalidProviderUrl("the user is missing: smtp://USER:PASSWORD@HOST")
        return None
    if login is Login.XOAUTH2:
        return Credentials(user=url.user, token_file=Path(token_file or ""), login=login)
    if not url.password:
        raise InvalidProviderUrl("the password is missing: smtp://USER:PASSWORD@HOST")
    return Credentials(user=url.user, password=url.password, login=login)


def _sender(url: ProviderUrl) -> Address:
    text = url.options.get("from")
    if text is None and url.user and "@" in url.user:
        text = url.user
    if text is None:
        raise InvalidProviderUrl("from is missing: ?from=news@example.org")
    return read_mailbox("from", text)


def _choice(url: ProviderUrl, choices: type[_Choice], name: str) -> _Choice | None:
    text = url.options.get(name)
    try:
        return None if text is None else choices(text)
    except ValueError as error:
        allowed = ", ".join(each.value for each in choices)
        raise InvalidProviderUrl(f"{name} must be one of {allowed}") from error
