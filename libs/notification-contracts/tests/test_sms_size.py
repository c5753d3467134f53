"""What a text takes as an SMS."""

import pytest
from notification_contracts.sms_size import SmsEncoding, SmsSize, is_gsm_7, sms_size

GSM_7, UCS_2 = SmsEncoding.GSM_7, SmsEncoding.UCS_2


@pytest.mark.parametrize(
    ("text", "encoding", "segments"),
    [
        ("x", GSM_7, 1),
        ("x" * 160, GSM_7, 1),
        ("x" * 161, GSM_7, 2),
        ("x" * 306, GSM_7, 2),
        ("x" * 307, GSM_7, 3),
        ("€" * 80, GSM_7, 1),
        ("€" * 80 + "x", GSM_7, 2),
        # 153 places hold 76 of them: an escape is not parted from its character.
        ("€" * 152, GSM_7, 2),
        ("€" * 153, GSM_7, 3),
        ("x" * 152 + "€" + "x" * 151, GSM_7, 2),
        ("x" * 152 + "€" + "x" * 152, GSM_7, 3),
        ("я" * 70, UCS_2, 1),
        ("я" * 71, UCS_2, 2),
        ("я" * 134, UCS_2, 2),
        ("я" * 135, UCS_2, 3),
        ("😀" * 35, UCS_2, 1),
        # 67 places hold 33 of them: nor are the halves of a surrogate pair.
        ("😀" * 66, UCS_2, 2),
        ("😀" * 67, UCS_2, 3),
        ("x" * 70 + "\N{RIGHT SINGLE QUOTATION MARK}", UCS_2, 2),
    ],
)
def test_it_is_counted_as_a_phone_joins_it(text: str, encoding: SmsEncoding, segments: int) -> None:
    assert sms_size(text) == SmsSize(encoding, segments)


def test_the_alphabet_is_that_of_the_standard() -> None:
    basic = [character for character in map(chr, range(0x3000)) if is_gsm_7(character)]

    # 128 places less that of the escape, and the ten of the extension table.
    assert len(basic) == 127 + 10
    assert is_gsm_7("Ünïcode") is False
    assert is_gsm_7("Grüße: 5 €, {a|b}\n") is True
    assert is_gsm_7("\x1b") is False


def test_it_is_said_in_words() -> None:
    assert str(sms_size("x")) == "1 segment of GSM-7"
    assert str(sms_size("я" * 71)) == "2 segments of UCS-2"
