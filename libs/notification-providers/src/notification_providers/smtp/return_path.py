"""Return paths that say of which mail to whom a bounce speaks, and that nobody else can make up.

`bounces+TOKEN@example.org`, known as VERP: the token holds the notification's id, a signature of
it, and a fingerprint of the recipient. So a bounce can only be about a mail that was really sent,
and can only harm the address to which it was sent.
"""

import base64
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

_ID_BYTES: Final = 16
_SIGNATURE_BYTES: Final = 8
_FINGERPRINT_BYTES: Final = 5
_TOKEN_CHARS: Final = 47  # of base32, which survives servers that change capital letters
LONGEST_LOCAL_PART: Final = 64 - 1 - _TOKEN_CHARS  # RFC 5321, section 4.5.3.1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """Which mail came back: its notification, and a fingerprint of its recipient."""

    trace_id: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnPath:
    """Makes return paths that end up in one mailbox, and reads them again."""

    local: str
    domain: str
    secret: str = field(repr=False)

    def of(self, trace_id: str, recipient: str) -> str:
        """Make the return path of one mail; the plain address if its id is no UUID."""
        try:
            mail = UUID(trace_id).bytes
        except ValueError:
            return f"{self.local}@{self.domain}"
        token = mail + self._signature(mail) + self._fingerprint(mail, recipient)
        text = base64.b32encode(token).decode().rstrip("=").lower()
        return f"{self.local}+{text}@{self.domain}"

    def find(self, texts: Iterable[str]) -> Returned | None:
        """Find a return path of ours in any of these texts."""
        pattern = re.compile(
            rf"{re.escape(self.local)}\+([a-z2-7]{{{_TOKEN_CHARS}}})@{re.escape(self.domain)}",
            re.IGNORECASE | re.ASCII,
        )
        for text in texts:
            for match in pattern.finditer(text):
                token = base64.b32decode(match[1].upper() + "=")
                mail, rest = token[:_ID_BYTES], token[_ID_BYTES:]
                if hmac.compare_digest(rest[:_SIGNATURE_BYTES], self._signature(mail)):
                    return Returned(
                        trace_id=str(UUID(bytes=mail)), fingerprint=rest[_SIGNATURE_BYTES:]
                    )
        return None

    def is_to(self, returned: Returned, address: str) -> bool:
        """Tell whether it was this address to which the mail was sent."""
        wanted = self._fingerprint(UUID(returned.trace_id).bytes, address)
        return hmac.compare_digest(returned.fingerprint, wanted)

    def _signature(self, mail: bytes) -> bytes:
        return self._digest(b"mail", mail)[:_SIGNATURE_BYTES]

    def _fingerprint(self, mail: bytes, recipient: str) -> bytes:
        return self._digest(b"recipient", mail, recipient.casefold().encode())[:_FINGERPRINT_BYTES]

    def _digest(self, *parts: bytes) -> bytes:
        return hmac.digest(self.secret.encode(), b"\0".join(parts), "sha256")
