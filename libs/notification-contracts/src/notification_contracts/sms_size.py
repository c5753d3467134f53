"""How many segments a text takes as an SMS: what a provider charges for, and a phone joins again.

Source: 3GPP TS 23.038, sections 6.2.1 (the alphabet) and 6.2.1.1 (its extension); TS 23.040,
section 9.2.3.24.1 (what joining costs). National tables are not counted with: few gateways have
them.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED: Final = frozenset("\f^{}\\[~]|€")  # two places each: an escape goes before
_GSM_7: Final = _BASIC | _EXTENDED


class SmsEncoding(StrEnum):
    """How a text is encoded: one character outside of GSM-7 makes all of it UCS-2."""

    GSM_7 = "GSM-7"
    UCS_2 = "UCS-2"


# Places in a text that is one segment, and in each of several.
_PLACES: Final = {SmsEncoding.GSM_7: (160, 153), SmsEncoding.UCS_2: (70, 67)}


@dataclass(frozen=True, slots=True)
class SmsSize:
    """What a text takes as an SMS."""

    encoding: SmsEncoding
    segments: int

    def __str__(self) -> str:
        plural = "" if self.segments == 1 else "s"
        return f"{self.segments} segment{plural} of {self.encoding}"


def is_gsm_7(text: str) -> bool:
    """True when the text has none but characters of GSM-7 and its extension table."""
    return _GSM_7.issuperset(text)


def sms_size(text: str) -> SmsSize:
    """Return what a text takes; no character is cut in two at the end of a segment."""
    if is_gsm_7(text):
        encoding = SmsEncoding.GSM_7
        widths = [2 if character in _EXTENDED else 1 for character in text]
    else:
        encoding = SmsEncoding.UCS_2
        widths = [2 if character > "\uffff" else 1 for character in text]
    whole, part = _PLACES[encoding]
    if sum(widths) <= whole:
        return SmsSize(encoding, 1)
    segments, used = 1, 0
    for width in widths:
        used += width
        if used > part:
            segments, used = segments + 1, width
    return SmsSize(encoding, segments)
