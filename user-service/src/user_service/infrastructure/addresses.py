"""Addresses, each kind judged by the library that knows it.

- e-mail (email-validator): syntax only, no DNS, so that an answer never depends on the network.
  The domains of documentation and tests (`*.example`, `example.com`, `*.test`) pass; names that
  mail can never reach (`localhost`, `*.local`, `*.invalid`, a bare host, an IP address) do not.
  Kept in ASCII form where there is one, since every mail server can carry that.
- phone (phonenumbers): E.164. A number must be *possible*, not *valid*: the library's list of
  ranges in use ages between releases, and leaves out the ranges reserved for fiction and tests
  (+44 7700 900123). Whether somebody answers, only the SMS provider knows. What the library would
  guess or drop is refused: letters, extensions, a second number.
- token: 1 to 4096 printable ASCII characters without spaces; opaque otherwise, and kept as it is.
  One that begins with `{` is a Web Push subscription, see `web_push`.
- URL (pydantic): http or https, with a host. Where it leads is judged when it is called.
- text: what is no control character; what it means, only the provider knows.

Invisible characters that spreadsheets and chats leave around an address are removed: spaces of all
kinds, zero-width characters, direction marks.
"""

from collections.abc import Callable, Mapping
from typing import Final
from unicodedata import category

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from notification_contracts.channels import AddressKind
from pydantic import HttpUrl, TypeAdapter, ValidationError

from user_service.application.ports import AddressNormaliser, InvalidAddress
from user_service.infrastructure.web_push import web_push_subscription

# Decimal digits, dashes, spaces, brackets: what people write into a number.
_IN_NUMBERS: Final = frozenset({"Nd", "Pd", "Zs", "Ps", "Pe"})

# Halves of characters beyond the basic plane are none either.
_CONTROLS: Final = frozenset({"Cc", "Cs"})

_URL: Final[TypeAdapter[HttpUrl]] = TypeAdapter(HttpUrl)


def address_normaliser(default_region: str | None = None) -> AddressNormaliser:
    """Return the normaliser of all kinds.

    `default_region` (ISO 3166, as `DE`) is where a phone number without country code is from;
    without it such a number is refused.
    """
    by_kind: Mapping[AddressKind, Callable[[str], str]] = {
        AddressKind.EMAIL: _email,
        AddressKind.PHONE: lambda address: _phone(address, default_region),
        AddressKind.TOKEN: _token,
        AddressKind.URL: _url,
        AddressKind.TEXT: _text,
    }
    return lambda kind, address: by_kind[kind](_without_margins(address))


def _without_margins(address: str) -> str:
    while address and _is_invisible(address[0]):
        address = address[1:]
    while address and _is_invisible(address[-1]):
        address = address[:-1]
    return address


def _is_invisible(char: str) -> bool:
    # Cf: zero-width characters, direction marks, the byte order mark.
    return char.isspace() or category(char) == "Cf"


def _email(address: str) -> str:
    try:
        found = validate_email(
            address, check_deliverability=False, test_environment=True, strict=True
        )
    except EmailNotValidError as error:
        message = "is not an e-mail address"
        raise InvalidAddress(message) from error
    return found.ascii_email or found.normalized


def _phone(address: str, default_region: str | None) -> str:
    message = (
        "is not a phone number with its country code, as +4930123456"
        if default_region is None
        else f"is not a phone number of {default_region} or with another country's code"
    )
    if not _is_written_as_a_number(address):
        raise InvalidAddress(message)
    try:
        number = phonenumbers.parse(address, default_region)
    except phonenumbers.NumberParseException as error:
        raise InvalidAddress(message) from error
    # Not is_possible_number(): that one takes a number without its area code, too.
    verdict = phonenumbers.is_possible_number_with_reason(number)
    if verdict != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise InvalidAddress(message)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _is_written_as_a_number(address: str) -> bool:
    digits = address[1:] if address.startswith(("+", "\uff0b")) else address
    return all(char == "." or category(char) in _IN_NUMBERS for char in digits)


def _token(address: str) -> str:
    if address.startswith("{"):
        return web_push_subscription(address)
    longest = AddressKind.TOKEN.max_chars
    if not 1 <= len(address) <= longest or not all("!" <= char <= "~" for char in address):
        message = f"must be 1 to {longest} printable ASCII characters without spaces"
        raise InvalidAddress(message)
    return address


def _url(address: str) -> str:
    longest = AddressKind.URL.max_chars
    try:
        url = str(_URL.validate_python(address))
    except ValidationError as error:
        message = "is not an http:// or https:// URL"
        raise InvalidAddress(message) from error
    # Again, for it may have grown: "ü" in a path becomes six characters.
    if len(url) > longest:
        message = f"must have at most {longest} characters"
        raise InvalidAddress(message)
    return url


def _text(address: str) -> str:
    longest = AddressKind.TEXT.max_chars
    if not 1 <= len(address) <= longest or any(category(char) in _CONTROLS for char in address):
        message = f"must be 1 to {longest} characters, none of them a control character"
        raise InvalidAddress(message)
    return address
