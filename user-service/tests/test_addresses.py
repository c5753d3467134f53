import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from notification_contracts.channels import CHANNELS, AddressKind
from user_service.application.ports import InvalidAddress
from user_service.domain.user import User
from user_service.infrastructure.addresses import address_normaliser
from user_service.infrastructure.seed import SEED_USERS

normalise = address_normaliser()
in_germany = address_normaliser("DE")


@pytest.mark.parametrize(
    ("given_form", "kept_form"),
    [
        ("ada@example.com", "ada@example.com"),
        ("ada@sim.example", "ada@sim.example"),
        ("ada@mail.test", "ada@mail.test"),
        ("Ada.Lovelace+bills@EXAMPLE.Com", "Ada.Lovelace+bills@example.com"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
        ("ädä@bücher.example", "ädä@bücher.example"),
    ],
)
def test_an_email_address_is_kept_in_its_canonical_form(given_form: str, kept_form: str) -> None:
    assert normalise(AddressKind.EMAIL, given_form) == kept_form


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@example",
        "ada@localhost",
        "ada@printer.local",
        "ada@nowhere.invalid",
        "ada@[127.0.0.1]",
        "ada@1.2.3.4",
        "Ada <ada@example.com>",
        "ada@example.com, eve@example.com",
        "ada@example.com\nBcc: eve@example.com",
        "a da@example.com",
        "ada\x00@example.com",
        "ada\ud800@example.com",
        f"{'a' * 65}@example.com",
        f"ada@{'x' * 300}.example",
    ],
)
def test_what_is_no_email_address_is_refused(address: str) -> None:
    with pytest.raises(InvalidAddress):
        normalise(AddressKind.EMAIL, address)


@pytest.mark.parametrize(
    ("given_form", "kept_form"),
    [
        ("+14155552671", "+14155552671"),
        ("+1 (415) 555-2671", "+14155552671"),
        ("+49 151 1234-5678", "+4915112345678"),
        (" +49.151.12345678 ", "+4915112345678"),
        ("+49\u00a0151\u201012345678", "+4915112345678"),
        (
            "\uff0b\uff11\uff14\uff11\uff15\uff15\uff15\uff15\uff12\uff16\uff17\uff11",
            "+14155552671",
        ),
        ("+800 1234 5678", "+80012345678"),
    ],
)
def test_a_phone_number_is_kept_in_e164(given_form: str, kept_form: str) -> None:
    assert normalise(AddressKind.PHONE, given_form) == kept_form


@pytest.mark.parametrize(
    "number",
    [
        pytest.param("+15005550001", id="Twilio's tests"),
        pytest.param("+15005550006", id="Twilio's tests, accepted"),
        pytest.param("+12025550123", id="fiction in the US"),
        pytest.param("+447700900123", id="fiction in the UK"),
        pytest.param("+33639980001", id="fiction in France"),
    ],
)
def test_numbers_for_tests_and_fiction_pass(number: str) -> None:
    assert normalise(AddressKind.PHONE, number) == number


@pytest.mark.parametrize(
    "number",
    [
        "",
        "+",
        "12",
        "not a number",
        "4155552671",
        "015112345678",
        "+1555267",
        "+1 555 2671",
        "+141555526711",
        "+999123456789",
        "+1234567890123456",
        "+1415CALLADA",
        "+14155552671 ext. 5",
        "+14155552671;ext=5",
        "+14155552671/+14155552672",
        "tel:+14155552671",
        "call +14155552671",
        "++14155552671",
        "+1415\n5552671",
        "+1415\x005552671",
        "9" * 512,
        "ada@example.com",
    ],
)
def test_what_is_no_international_phone_number_is_refused(number: str) -> None:
    with pytest.raises(InvalidAddress):
        normalise(AddressKind.PHONE, number)


@pytest.mark.parametrize("number", ["0151 12345678", "+49 151 12345678"])
def test_a_default_region_completes_national_numbers(number: str) -> None:
    assert in_germany(AddressKind.PHONE, number) == "+4915112345678"


def test_a_default_region_leaves_other_countries_alone() -> None:
    assert in_germany(AddressKind.PHONE, "+14155552671") == "+14155552671"


@pytest.mark.parametrize("token", ["t", "ExponentPushToken[xyz]", "a:b/c+d=", "x" * 4096])
def test_a_token_is_kept_as_it_is(token: str) -> None:
    assert normalise(AddressKind.TOKEN, token) == token


@pytest.mark.parametrize("token", ["", "x" * 4097, "a b", "a\tb", "ä", "a\x00", "\ud800", "a\x7f"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidAddress):
        normalise(AddressKind.TOKEN, token)


@pytest.mark.parametrize(
    ("given_form", "kept_form"),
    [
        ("https://example.com", "https://example.com/"),
        ("HTTPS://Example.COM/Hook?a=b", "https://example.com/Hook?a=b"),
        ("http://10.0.0.1:8080/x", "http://10.0.0.1:8080/x"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
    ],
)
def test_a_url_is_kept_in_its_canonical_form(given_form: str, kept_form: str) -> None:
    assert normalise(AddressKind.URL, given_form) == kept_form
    assert normalise(AddressKind.URL, kept_form) == kept_form


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/hook",
        "/hook",
        "ftp://example.com/",
        "https://",
        "https://example.com/\ud800",
        f"https://example.com/{'x' * 2048}",
        f"https://example.com/{'ü' * 500}",
    ],
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidAddress):
        normalise(AddressKind.URL, url)


@pytest.mark.parametrize("text", ["#ops", "-1001234", "ops room", "\U0001f680", "x" * 2048])
def test_a_text_is_kept_as_it_is(text: str) -> None:
    assert normalise(AddressKind.TEXT, text) == text


@pytest.mark.parametrize("text", ["", "x" * 2049, "a\nb", "a\x00", "\ud800", "a\x85b"])
def test_a_text_with_control_characters_or_too_long_is_refused(text: str) -> None:
    with pytest.raises(InvalidAddress):
        normalise(AddressKind.TEXT, text)


@pytest.mark.parametrize("kind", AddressKind)
@given(address=st.text(max_size=60))
def test_any_text_is_brought_into_a_stable_form_or_refused(kind: AddressKind, address: str) -> None:
    try:
        kept = normalise(kind, address)
    except InvalidAddress:
        return

    assert normalise(kind, kept) == kept


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_the_example_number_of_every_country_passes(region: str) -> None:
    number = phonenumbers.example_number(region)
    assert number
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)

    kept = normalise(AddressKind.PHONE, written)

    assert phonenumbers.parse(kept) == phonenumbers.parse(written)


@pytest.mark.parametrize("kind", AddressKind)
@given(address=st.text(max_size=60))
def test_a_refusal_does_not_repeat_the_address(kind: AddressKind, address: str) -> None:
    with pytest.raises(InvalidAddress) as refusal:
        normalise(kind, f"s3cr3t{address}\x00")

    assert "s3cr3t" not in str(refusal.value)


@pytest.mark.parametrize("user", SEED_USERS, ids=lambda user: user.id)
def test_the_first_users_have_valid_addresses_on_every_channel(user: User) -> None:
    assert set(user.addresses) == set(CHANNELS)
    for channel, [each] in user.addresses.items():
        assert normalise(CHANNELS[channel].address_kind, each.address) == each.address


MARGINS = {
    "a space": " ",
    "a line break": "\r\n",
    "a no-break space": "\u00a0",
    "a narrow no-break space": "\u202f",
    "a thin space": "\u2009",
    "an ideographic space": "\u3000",
    "a zero-width space": "\u200b",
    "a zero-width joiner": "\u200d",
    "a word joiner": "\u2060",
    "a byte order mark": "\ufeff",
    "a soft hyphen": "\u00ad",
    "marks of direction": "\u202a\u200e\u2066",
    "ends of direction": "\u2069\u200f\u202c",
}


@pytest.mark.parametrize("margin", MARGINS.values(), ids=MARGINS.keys())
@pytest.mark.parametrize(
    ("kind", "address"),
    [
        (AddressKind.EMAIL, "ada@example.com"),
        (AddressKind.PHONE, "+14155552671"),
        (AddressKind.TOKEN, "a:b"),
    ],
)
def test_invisible_characters_around_an_address_are_removed(
    kind: AddressKind, address: str, margin: str
) -> None:
    assert normalise(kind, f"{margin}{address}{margin}") == address


@pytest.mark.parametrize("kind", AddressKind)
def test_invisible_characters_are_no_address(kind: AddressKind) -> None:
    with pytest.raises(InvalidAddress):
        normalise(kind, "\u200b \u202f")
