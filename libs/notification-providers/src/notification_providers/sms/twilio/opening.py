"""From a `twilio://` URL to its provider."""

import re
from typing import Final

from notification_providers.http import HttpCaller
from notification_providers.options import checked_url, yes_or_no
from notification_providers.sms.twilio.provider import DEFAULT_HOST, TwilioAccount, TwilioProvider
from notification_providers.sms.twilio.receipts import TwilioReceipts
from notification_providers.urls import InvalidProviderUrl, ProviderContext, ProviderUrl

_OPTIONS: Final = (
    "account",
    "auth_token",
    "host",
    "shared_key",
    "status_callback",
    "transliterate",
)
_ACCOUNT: Final = re.compile(r"AC[0-9a-fA-F]{32}")
_KEY: Final = re.compile(r"SK[0-9a-fA-F]{32}")
# A number, a messaging service, a short code, or a name of letters where a country allows one.
_SENDER: Final = re.compile(r"\+[1-9][0-9]{6,14}|MG[0-9a-fA-F]{32}|[0-9]{3,8}|[A-Za-z0-9 ]{1,11}")


def twilio_provider(url: ProviderUrl, context: ProviderContext) -> TwilioProvider:
    """Make the provider that a `twilio://SID:TOKEN@/FROM` URL describes."""
    url.only_options(_OPTIONS)
    account = _account(url)
    by_token = account.user == account.sid
    receipts = TwilioReceipts(
        channel=context.channel,
        auth_token=url.options.get("auth_token", account.password if by_token else None),
        shared_key=url.options.get("shared_key"),
    )
    sender = url.path.removeprefix("/")
    if not _SENDER.fullmatch(sender):
        raise InvalidProviderUrl("the sender is missing: twilio://SID:TOKEN@/+12025550100, or MG…")
    callback = url.options.get("status_callback") or context.receipts_url("twilio")
    return TwilioProvider(
        account=account,
        sender=sender,
        receipts=receipts,
        http=HttpCaller(timeout=url.limits.patience),
        now=context.now,
        status_callback=checked_url("status_callback, or PUBLIC_URL,", callback)
        if callback
        else None,
        transliterates=yes_or_no("transliterate", url.options.get("transliterate")),
    )


def _account(url: ProviderUrl) -> TwilioAccount:
    user, password = url.user or "", url.password
    sid = url.options.get("account", user)
    if not _ACCOUNT.fullmatch(sid):
        raise InvalidProviderUrl("an API key (SK…) needs account=AC…, the account's SID")
    if user != sid and not _KEY.fullmatch(user):
        raise InvalidProviderUrl("it begins with the account's SID (AC…), or an API key's (SK…)")
    if not password:
        raise InvalidProviderUrl("the auth token, or the API key's secret, is missing")
    base = checked_url("host", url.options.get("host", DEFAULT_HOST)).rstrip("/")
    return TwilioAccount(sid=sid, user=user, password=password, base_url=base)
