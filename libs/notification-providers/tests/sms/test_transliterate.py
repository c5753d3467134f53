"""Texts that stay GSM-7."""

import pytest
from notification_contracts.sms_size import is_gsm_7
from notification_providers.sms.transliterate import transliterated


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("don\u2019t \u2013 \u201cnow\u201d\u2026", 'don\'t - "now"...'),
        ("5\u00a0\u20ac", "5 \u20ac"),
        ("caf\u00e9, \u00fcber, \u00f1", "caf\u00e9, \u00fcber, \u00f1"),
        ("cafe\u0301", "caf\u00e9"),
        ("for\u00eat, \u0141\u00f3d\u017a", "foret, Lodz"),
        ("soft\u00adhyphen\u200b", "softhyphen"),
    ],
)
def test_what_has_a_likeness_is_replaced(text, expected):
    assert transliterated(text) == expected
    assert is_gsm_7(expected)


@pytest.mark.parametrize(
    "text", ["\u043f\u0440\u0438\u0432\u0435\u0442 \u2013", "\u2019 \U0001f600"]
)
def test_a_text_that_can_not_be_all_of_gsm_7_stays_as_it_is(text):
    assert transliterated(text) == text
