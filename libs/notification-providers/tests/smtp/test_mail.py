from datetime import UTC, datetime
from email import message_from_bytes
from email.headerregistry import Address
from email.policy import default

import pytest
from notification_providers.mailboxes import UnmailableAddress, mailbox
from notification_providers.smtp.mail import Letterhead, compose

NOW = datetime(2027, 1, 31, 9, 0, tzinfo=UTC)
LETTERHEAD = Letterhead(
    sender=Address("Käthes Laden", "shop", "example.org"), reply_to="a@b.example"
)


def read(mail):
    return message_from_bytes(mail.content, policy=default)


def text_of(mail, kind):
    part = read(mail).get_body(preferencelist=(kind,))
    return part.get_content().replace("\r\n", "\n")


def test_a_mail_says_all_that_a_mail_should(message):
    mail = read(compose(message(), LETTERHEAD, NOW))

    assert {name: str(value) for name, value in mail.items() if name[:4] != "Cont"} == {
        "From": "Käthes Laden <shop@example.org>",
        "To": "ada@example.com",
        "Reply-To": "a@b.example",
        "Subject": "Your order",
        "Date": "Sun, 31 Jan 2027 09:00:00 +0000",
        "Message-ID": "<01a220ca-5fd2-77b7-a338-c2ecc1aaf8bc@example.org>",
        "Auto-Submitted": "auto-generated",  # RFC 3834, section 5
        "MIME-Version": "1.0",
    }
    assert mail.get_content() == "Hello Ada\r\n"


@pytest.mark.parametrize("text", ["Grüße 🎉", "a" * 5_000, "one\rtwo\r\nthree", "tail\n\n", ""])
def test_any_text_goes_through_seven_bits(message, text):
    mail = compose(message(message=text, subject=f"{text[:40]}é"), LETTERHEAD, NOW)

    assert max(mail.content) < 128
    assert max(len(line) for line in mail.content.split(b"\r\n")) <= 998
    assert b"\n" not in mail.content.replace(b"\r\n", b"")
    assert b"\r" not in mail.content.replace(b"\r\n", b"")
    wanted = text.replace("\r\n", "\n").replace("\r", "\n")
    assert text_of(mail, "plain").rstrip("\n") == wanted.rstrip("\n")


def test_html_stands_beside_the_text(message):
    mail = compose(message(html="<p>Grüße</p>"), LETTERHEAD, NOW)

    assert read(mail).get_content_type() == "multipart/alternative"
    assert text_of(mail, "plain") == "Hello Ada\n"
    assert text_of(mail, "html") == "<p>Grüße</p>\n"


@pytest.mark.parametrize(
    ("text", "subject"), [("\nHello\nAda", "Hello"), ("a" * 79, "a" * 77 + "…"), ("", "")]
)
def test_without_a_subject_it_is_how_the_text_begins(message, text, subject):
    mail = compose(message(subject=None, message=text), LETTERHEAD, NOW)

    assert read(mail)["Subject"] == subject


def test_headers_that_came_along_are_in_it(message):
    headers = {"X-Campaign": "spring", "Auto-Submitted": "no"}
    mail = read(compose(message(headers=headers), LETTERHEAD, NOW))

    assert mail["X-Campaign"] == "spring"
    assert mail.get_all("Auto-Submitted") == ["no"]


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\x00", "\u2028", "\x85"])
def test_no_value_can_add_a_header(message, end):
    bad = f"hello{end}Bcc: eve@example.com{end}{end}body"
    mail = compose(message(subject=bad, headers={"X-A": bad, bad: "x"}), LETTERHEAD, NOW)

    assert read(mail)["Bcc"] is None
    assert text_of(mail, "plain") == "Hello Ada\n"


def test_a_domain_beyond_ascii_needs_no_special_server(message):
    mail = compose(message("ada@bücher.example"), LETTERHEAD, NOW)

    assert mail.recipient == "ada@xn--bcher-kva.example"
    assert not mail.is_utf8


def test_a_name_beyond_ascii_does(message):
    mail = compose(message("käthe@example.com"), LETTERHEAD, NOW)

    assert mail.is_utf8
    assert "To: käthe@example.com".encode() in mail.content


def test_a_long_domain_leaves_the_message_id_whole(message):
    domain = ".".join(["a" * 60] * 3) + ".example"
    mail = compose(message(), Letterhead(sender=Address("", "a", domain)), NOW)

    assert f"Message-ID: {mail.message_id}\r\n".encode() in mail.content.replace(b"\r\n ", b" ")


@pytest.mark.parametrize(
    "address", ["", "@a.example", "a", "a@", "a@b@c.example", "a b@c", "<a@b>"]
)
def test_what_is_no_address_is_refused(address):
    with pytest.raises(UnmailableAddress):
        mailbox(address)
