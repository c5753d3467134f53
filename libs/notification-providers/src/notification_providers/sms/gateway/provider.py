"""Sends by one call of a gateway, as its URL describes it.

The query holds the gateway's own fields; what begins with `_` says how to call it, and how to read
its answer.
"""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from notification_providers.http import HttpAnswer, HttpCaller
from notification_providers.options import checked_url, read_token, yes_or_no
from notification_providers.port import OutgoingMessage, ProviderAnswer, Repeating
from notification_providers.sms.gateway.answers import CLASSES, OK, AnswerRules
from notification_providers.sms.gateway.template import Fields, fill
from notification_providers.sms.transliterate import transliterated
from notification_providers.urls import LIMITS, InvalidProviderUrl, ProviderContext, ProviderUrl

PREFIX: Final = "sms+"
_OURS: Final = "_"
_NUMBER: Final = frozenset({"to", "digits"})
_PLACEHOLDERS: Final = _NUMBER | {"text", "id", "user", "password"}
_HEADER: Final = re.compile(r"([A-Za-z0-9-]+): ?([ -~]+)")
_TYPES: Final = {"form": "application/x-www-form-urlencoded", "json": "application/json"}
_CALL_OPTIONS: Final = frozenset(
    {"method", "as", "auth", "header", "code", "ok", "id", "idempotent", "transliterate"}
)


@dataclass(slots=True, kw_only=True)
class SmsGatewayProvider:
    """A gateway. `name` is its host; `encoding` is `query`, `form` or `json`."""

    name: str
    url: str
    encoding: str
    fields: Fields
    headers: Mapping[str, str] = field(repr=False)
    credentials: Mapping[str, str] = field(repr=False)
    rules: AnswerRules
    http: HttpCaller
    now: Callable[[], datetime]
    transliterates: bool = False
    repeating: Repeating = Repeating.NEITHER

    async def send(self, message: OutgoingMessage) -> ProviderAnswer:
        """Make the call."""
        text = transliterated(message.message) if self.transliterates else message.message
        values = {
            **self.credentials,
            "to": message.address,
            "digits": message.address.removeprefix("+"),
            "text": text,
            "id": message.idempotency_key,
        }
        answer = await self._call(values)
        return self.rules.read(answer, self.now()) if isinstance(answer, HttpAnswer) else answer

    async def close(self) -> None:
        """See `Provider`."""
        await self.http.close()

    async def _call(self, values: Mapping[str, str]) -> HttpAnswer | ProviderAnswer:
        if self.encoding == "query":
            url = f"{self.url}?{self.fields.as_form(values)}"
            return await self.http.call("GET", url, headers=self.headers)
        is_json = self.encoding == "json"
        body = self.fields.as_json(values) if is_json else self.fields.as_form(values).encode()
        headers = {**self.headers, "content-type": _TYPES[self.encoding]}
        return await self.http.call("POST", self.url, headers=headers, body=body)


def sms_gateway(url: ProviderUrl, context: ProviderContext) -> SmsGatewayProvider:
    """Make the provider that an `sms+https://HOST/PATH?to={to}&text={text}` URL describes."""
    parts = urlsplit(url.text.removeprefix(PREFIX))
    target = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    query = parse_qsl(parts.query, keep_blank_values=True)
    options = {name[1:]: value for name, value in query if name.startswith(_OURS)}
    fields = Fields([pair for pair in query if pair[0][:1] != _OURS and pair[0] not in LIMITS])
    if unknown := sorted(options.keys() - _CALL_OPTIONS - CLASSES.keys()):
        raise InvalidProviderUrl(f"{_OURS}{unknown[0]} is no option of sms+https://")
    credentials = {"user": url.user or "", "password": url.password or ""}
    return SmsGatewayProvider(
        name=url.host,
        url=_target(target),
        encoding=_encoding(options, fields),
        fields=fields,
        headers=_headers(options, credentials),
        credentials=credentials,
        rules=_rules(options),
        http=HttpCaller(timeout=url.limits.patience),
        now=context.now,
        transliterates=yes_or_no("_transliterate", options.get("transliterate")),
        repeating=_repeating(options, fields),
    )


def _target(url: str) -> str:
    if "{" in url:
        raise InvalidProviderUrl("placeholders belong into the query, not into the path")
    return checked_url("sms+http", url)


def _encoding(options: Mapping[str, str], fields: Fields) -> str:
    found = fields.placeholders()
    if unknown := sorted(found - _PLACEHOLDERS):
        raise InvalidProviderUrl(f"there is no placeholder {{{unknown[0]}}}")
    if "text" not in found or not _NUMBER & found:
        raise InvalidProviderUrl("it needs {text}, and {to} or {digits}, such as ?to={to}&m={text}")
    method, encoding = options.get("method", "post").lower(), options.get("as", "form")
    if method not in {"get", "post"} or encoding not in _TYPES:
        raise InvalidProviderUrl("_method must be get or post, _as must be form or json")
    if method == "get":
        return "query"
    if encoding == "json":
        try:
            fields.as_json(dict.fromkeys(_PLACEHOLDERS, ""))
        except ValueError as error:
            raise InvalidProviderUrl("its fields make no JSON object") from error
    return encoding


def _headers(options: Mapping[str, str], credentials: Mapping[str, str]) -> dict[str, str]:
    headers = {"user-agent": "AsyncNotify"}
    auth = options.get("auth", "basic" if credentials["user"] else "none")
    if auth == "basic":
        pair = f"{credentials['user']}:{credentials['password']}".encode()
        headers["authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    elif auth == "bearer":
        token = read_token("the token of _auth=bearer", credentials["password"])
        headers["authorization"] = f"Bearer {token}"
    elif auth != "none":
        raise InvalidProviderUrl("_auth must be basic, bearer or none")
    if (line := options.get("header")) is not None:
        match = _HEADER.fullmatch(line)
        try:
            filled = fill(match.group(2), credentials) if match else ""
        except KeyError:
            filled = ""
        if match is None or not _HEADER.fullmatch(f"{match.group(1)}:{filled}"):
            raise InvalidProviderUrl("_header must be NAME:VALUE, such as X-Api-Key:{password}")
        headers[match.group(1).lower()] = filled
    return headers


def _rules(options: Mapping[str, str]) -> AnswerRules:
    codes = {
        code: kind for kind in (OK, *CLASSES) if kind in options for code in options[kind].split()
    }
    if codes and "code" not in options:
        raise InvalidProviderUrl("lists of codes need _code, the JSON pointer to them")
    for name in ("code", "id"):
        if not options.get(name, "/").startswith("/"):
            raise InvalidProviderUrl(f"_{name} must be a JSON pointer, such as /messages/0/id")
    return AnswerRules(code=options.get("code"), codes=codes, message_id=options.get("id"))


def _repeating(options: Mapping[str, str], fields: Fields) -> Repeating:
    if not yes_or_no("_idempotent", options.get("idempotent")):
        return Repeating.NEITHER
    if "id" not in fields.placeholders():
        raise InvalidProviderUrl("_idempotent=yes needs {id} in a field: the key of a repetition")
    return Repeating.IDEMPOTENT
