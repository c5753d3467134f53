"""E-mail addresses, as providers of e-mail need them."""

import re
from collections.abc import Sequence
from email.errors import MessageError
from email.headerregistry import Address
from email.policy import SMTP
from typing import Final, cast

import idna

from notification_providers.port import OutgoingMessage
from notification_providers.urls import InvalidProviderUrl

_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+")
_NOT_IN_ADDRESSES: Final = re.compile(r"[\s<>,;:()\[\]\"\\\x00-\x1f\x7f]")
_ADDRESS: Final = re.compile(r"<?[^\s<>@]+@[^\s<>@]+>?")
_LONGEST_WORDS: Final = 300
_LONGEST_SUBJECT: Final = 78


class UnmailableAddress(ValueError):
    """Raised for what is no address of one mailbox. It does not quote it."""


def mailbox(address: str) -> str:
    """Return an address as it stands in an envelope: its domain in ASCII.

    Raises:
        UnmailableAddress: it is not that of one mailbox.
    """
    local, _, domain = address.rpartition("@")
    if not local or not domain or "@" in local or _NOT_IN_ADDRESSES.search(address):
        raise UnmailableAddress("it is no e-mail address")
    if domain.isascii():
        return address
    try:
        return f"{local}@{idna.encode(domain, uts46=True).decode()}"
    except idna.IDNAError as error:
        raise UnmailableAddress("its domain is none") from error


def one_line(text: str) -> str:
    """Return a text for a header: what could end the header becomes a space."""
    return _CONTROLS.sub(" ", text).strip()


def subject_of(message: OutgoingMessage) -> str:
    """Return the subject; without one, how the text begins."""
    if message.subject:
        return one_line(message.subject)
    first = one_line(message.message.strip().partition("\n")[0])
    return first if len(first) <= _LONGEST_SUBJECT else f"{first[: _LONGEST_SUBJECT - 1]}…"


def read_mailbox(name: str, text: str) -> Address:
    """Read the option `name`, that is `ADDRESS` or `Name <ADDRESS>`: an address of our own.

    Its domain is returned in ASCII; any other part of it must be, for servers that know no more.

    Raises:
        InvalidProviderUrl: it is neither.
    """
    try:
        header = SMTP.header_factory("from", one_line(text))
        [address] = () if header.defects else cast(Sequence[Address], header.addresses)
        return Address(address.display_name, addr_spec=mailbox(address.addr_spec))
    except (ValueError, MessageError) as error:
        example = f"{name}=news@example.org or {name}=News <news@example.org>"
        raise InvalidProviderUrl(f"{name} must be one address, {example}; a + is %2B") from error


def without_addresses(words: str) -> str:
    """Return a server's words so that they can be shown: on one line, and not for ever."""
    text = _ADDRESS.sub("<…>", words)
    return "".join(each if each.isprintable() else "?" for each in text)[:_LONGEST_WORDS]
