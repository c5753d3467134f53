"""Web Push subscriptions, as a browser's `JSON.stringify(subscription)` writes them."""

from base64 import b64decode
from ipaddress import ip_address
from typing import Annotated, Final

from notification_contracts.channels import AddressKind
from pydantic import AfterValidator, BaseModel, HttpUrl, TypeAdapter, ValidationError

from user_service.application.ports import InvalidAddress

# RFC 8291, section 3: a point of P-256, not compressed, and a secret.
_KEY_BYTES: Final = 65
_AUTH_BYTES: Final = 16
_URL: Final[TypeAdapter[HttpUrl]] = TypeAdapter(HttpUrl)


def _endpoint(text: str) -> str:
    url = _URL.validate_python(text)
    if url.scheme != "https" and not _is_loopback(url.host or ""):
        raise ValueError("must be an https:// URL")
    return text


def _is_loopback(host: str) -> bool:
    # No browser's push service is there, but those that imitate one are.
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _base64_of(size: int) -> AfterValidator:
    def check(text: str) -> str:
        unpadded = text.rstrip("=")
        padded = unpadded + "=" * (-len(unpadded) % 4)
        try:
            found = b64decode(padded, altchars=b"-_", validate=True)
        except ValueError:
            found = b""
        if len(found) != size:
            raise ValueError(f"must be {size} bytes in base64url")
        return text

    return AfterValidator(check)


class _Keys(BaseModel):
    p256dh: Annotated[str, _base64_of(_KEY_BYTES)]
    auth: Annotated[str, _base64_of(_AUTH_BYTES)]


class _Subscription(BaseModel):
    endpoint: Annotated[str, AfterValidator(_endpoint)]
    keys: _Keys


def web_push_subscription(text: str) -> str:
    """Return the subscription as compact JSON, with nothing but its endpoint and keys.

    Raises:
        InvalidAddress: it is not one; it says what is wrong, and quotes nothing.
    """
    longest = AddressKind.TOKEN.max_chars
    try:
        compact = _Subscription.model_validate_json(text).model_dump_json()
    except (ValidationError, ValueError) as error:
        message = f"is not a Web Push subscription: {_fault(error)}"
        raise InvalidAddress(message) from error
    if len(compact) > longest or not all(" " < char <= "~" for char in compact):
        message = f"must be at most {longest} characters of ASCII, without spaces"
        raise InvalidAddress(message)
    return compact


def _fault(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return "it cannot be read"
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(map(str, first["loc"]))
    if first["type"] == "json_invalid" or not place:
        return "it is not a JSON object"
    return f"{place}: {first['msg'].removeprefix('Value error, ')}"
