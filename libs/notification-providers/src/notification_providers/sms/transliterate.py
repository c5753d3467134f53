"""Keeps a text in GSM-7, where that takes no more than another dash, quote or letter.

One typographic quote makes a text UCS-2, and so of three segments where there were one or two.
"""

import unicodedata
from typing import Final

from notification_contracts.sms_size import is_gsm_7

_REPLACEMENTS: Final = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4\u0060\u02bc", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        **dict.fromkeys("\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009", " "),
        **dict.fromkeys("\u200a\u202f\u205f\u3000\t", " "),
        **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", ""),
        **dict.fromkeys("\u2022\u00b7", "-"),
        "\u2026": "...",
        "\u2039": "<",
        "\u203a": ">",
        "\u0152": "OE",
        "\u0153": "oe",
        "\u0141": "L",
        "\u0142": "l",
        "\u0110": "D",
        "\u0111": "d",
        "\u0131": "i",
        "\u1e9e": "SS",
    }
)


def transliterated(text: str) -> str:
    """Return the text in GSM-7; as it was, if it has what has no likeness there.

    Accents go only where GSM-7 lacks the letter: `é` stays, `ê` becomes `e`.
    """
    if is_gsm_7(text):
        return text
    replaced = "".join(map(_closest, unicodedata.normalize("NFC", text).translate(_REPLACEMENTS)))
    return replaced if is_gsm_7(replaced) else text


def _closest(character: str) -> str:
    if is_gsm_7(character):
        return character
    base = unicodedata.normalize("NFKD", character)
    return "".join(part for part in base if not unicodedata.combining(part))
