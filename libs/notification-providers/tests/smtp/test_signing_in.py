import base64
import ssl
from datetime import UTC, datetime

import pytest
from notification_providers.port import Accepted, Misconfigured, TransientFailure
from notification_providers.registry import PROVIDERS
from notification_providers.smtp.provider import SmtpProvider
from notification_providers.smtp.server import Credentials, SmtpServer, StartTls
from notification_providers.urls import InvalidProviderUrl, Limits, ProviderContext

PLAIN = "250-lab.example\r\n250 AUTH PLAIN LOGIN"
CONTEXT = ProviderContext("email", now=lambda: datetime.now(UTC))


@pytest.fixture
def certified(smtp, authority, tmp_path):
    """Give the server a certificate; return who vouches for it."""
    smtp.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(smtp.tls)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "ca.pem"


def decoded(command):
    return base64.b64decode(command.split(" ")[-1])


async def test_a_password_is_shown_by_plain(smtp, opened, message):
    smtp.replies["EHLO"] = PLAIN

    assert isinstance(await opened(user="anna:s%40cret@").send(message()), Accepted)
    assert decoded(smtp.commands[1]) == b"\0anna\0s@cret"


async def test_a_server_that_knows_login_alone_gets_that(smtp, opened, message):
    smtp.replies |= {"EHLO": "250-lab\r\n250 AUTH LOGIN", "AUTH": "334 UGFzc3dvcmQ6"}
    smtp.replies[base64.b64encode(b"secret").decode()] = "235 2.7.0 welcome"

    assert isinstance(await opened(user="anna:secret@").send(message()), Accepted)
    assert smtp.commands[1].startswith("AUTH LOGIN ")


async def test_a_token_is_read_again_at_every_login(smtp, opened, message, tmp_path):
    smtp.replies["EHLO"] = "250-lab\r\n250 AUTH XOAUTH2 PLAIN"
    token = tmp_path / "token"
    provider = opened(f"auth=xoauth2&token_file={token}", user="anna@")
    token.write_text("first\n")
    await provider.send(message())
    token.write_text("second\n")
    await provider.close()
    await provider.send(message())

    shown = [decoded(each) for each in smtp.commands if each.startswith("AUTH")]
    assert shown == [
        b"user=anna\x01auth=Bearer first\x01\x01",
        b"user=anna\x01auth=Bearer second\x01\x01",
    ]


async def test_a_token_that_cannot_be_read_is_said(smtp, opened, message, tmp_path):
    smtp.replies["EHLO"] = "250-lab\r\n250 AUTH XOAUTH2"
    provider = opened(f"auth=xoauth2&token_file={tmp_path}/none", user="anna@")

    assert await provider.send(message()) == Misconfigured(
        detail="token_file can't be read: FileNotFoundError"
    )


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ("535 5.7.8 Authentication credentials invalid", Misconfigured),
        ("534 5.7.9 Application-specific password required", Misconfigured),
        ("454 4.7.0 Temporary authentication failure", TransientFailure),
        ("421 4.7.0 Too many errors", TransientFailure),
    ],
)
async def test_a_refused_password_is_the_systems_fault(smtp, opened, message, reply, kind):
    smtp.replies |= {"EHLO": PLAIN, "AUTH": [reply]}
    provider = opened(user="anna:secret@")

    answer = await provider.send(message())

    assert isinstance(answer, kind)
    assert reply in answer.detail
    assert isinstance(await provider.send(message()), Accepted), "on a new connection"
    assert smtp.connections == 2


async def test_a_server_without_auth_is_said(opened, message):
    assert await opened(user="anna:secret@").send(message()) == Misconfigured(
        detail="the server offers no AUTH PLAIN"
    )


async def test_starttls_encrypts_all_that_follows(smtp, opened, message, certified):
    smtp.replies["EHLO"] = [
        "250-lab\r\n250 STARTTLS",
        "250-lab\r\n250 AUTH PLAIN",
    ]
    provider = opened(f"starttls=required&ca={certified}", user="anna:secret@")

    assert isinstance(await provider.send(message()), Accepted)
    assert [each.split(" ")[0] for each in smtp.commands[:4]] == [
        "EHLO",
        "STARTTLS",
        "EHLO",
        "AUTH",
    ]


async def test_without_a_promise_of_secrecy_encryption_need_not_be_verified(
    smtp, opened, message, certified
):
    smtp.replies["EHLO"] = ["250-lab\r\n250 STARTTLS", "250 lab"]

    assert isinstance(await opened().send(message()), Accepted)
    assert smtp.commands[1] == "STARTTLS"


async def test_a_certificate_that_nobody_vouches_for_is_said(smtp, opened, message, certified):
    smtp.replies["EHLO"] = "250-lab\r\n250 STARTTLS"

    answer = await opened("starttls=required").send(message())

    assert isinstance(answer, Misconfigured)
    assert "certificate is not trusted" in answer.detail


async def test_what_must_be_encrypted_is_not_sent_otherwise(smtp, opened, message):
    smtp.replies["EHLO"] = PLAIN
    answer = await opened("starttls=required", user="anna:secret@").send(message())

    assert answer == Misconfigured(detail="the server offers no STARTTLS")
    assert smtp.commands == ["EHLO " + smtp.commands[0].split(" ")[1]]


def server(url):
    provider, _ = PROVIDERS.open(url, CONTEXT, Limits())
    assert isinstance(provider, SmtpProvider)
    return provider.server


@pytest.mark.parametrize(
    ("url", "port", "starttls", "is_verified"),
    [
        ("smtp://mail.example.org?from=a@b.example", 25, StartTls.OPTIONAL, False),
        ("smtp://a@b.example:p@mail.example.org", 587, StartTls.REQUIRED, True),
        ("smtp://a@b.example:p@mail.example.org?starttls=optional", 587, StartTls.OPTIONAL, True),
        ("smtp://a@b.example:p@mail.example.org?starttls=never", 587, StartTls.NEVER, True),
        ("smtp://a@b.example:p@127.0.0.1", 587, StartTls.OPTIONAL, False),
        ("smtp://[::1]:2525?from=a@b.example", 2525, StartTls.OPTIONAL, False),
        ("smtps://a@b.example:p@mail.example.org", 465, StartTls.REQUIRED, True),
    ],
)
def test_a_url_says_how_the_server_is_spoken_to(url, port, starttls, is_verified):
    said = server(url)

    assert (said.port, said.starttls, said.is_verified) == (port, starttls, is_verified)


@pytest.mark.parametrize(
    ("starttls", "is_local", "may"),
    [
        (StartTls.OPTIONAL, False, False),
        (StartTls.NEVER, False, True),
        (StartTls.OPTIONAL, True, True),
    ],
)
def test_credentials_are_sent_in_clear_only_here_or_when_it_was_said(starttls, is_local, may):
    said = SmtpServer(host="h", port=25, is_local=is_local, starttls=starttls)

    assert said.may_see_secrets_in_clear is may


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("smtp://mail.example.org", "from is missing"),
        ("smtp://?from=a@b.example", "smtp://HOST"),
        ("smtp://host/path?from=a@b.example", "without a path"),
        ("smtp://anna@host?from=a@b.example", "password is missing"),
        ("smtp://:secret@host?from=a@b.example", "user is missing"),
        ("smtp://host?from=a@b.example&starttls=maybe", "required, optional, never"),
        ("smtps://host?from=a@b.example&starttls=required", "encrypted from the start"),
        ("smtp://host?from=a@b.example&auth=xoauth2", "go together"),
        ("smtp://host?from=a@b.example&tls=1", "no option"),
        ("smtp://host?from=a+b@b.example", "%2B"),
        ("smtp://host?from=a@b.example,c@d.example", "one address"),
        ("smtp://host?from=a@b.example%0d%0aBcc:x@y.example", "one address"),
        ("smtp://host?from=k%C3%A4the@b.example", "must be one address"),
        ("smtp://host?from=a@b.example&reply_to=nobody", "reply_to must be one address"),
        ("smtp://host?from=a@b.example&envelope_from=x", "envelope_from must be one address"),
        ("smtp://host?from=a@b.example&verp=b@b.example", "go together"),
        ("smtp://host?from=a@b.example&verp=b@b.example&bounce_secret=short", "16 characters"),
        (
            f"smtp://host?from=a@b.example&verp={'b' * 17}@b.example&bounce_secret={'s' * 16}",
            "16 characters before its @",
        ),
        ("smtp://host?from=a@b.example&idempotency_header=a:b", "header's name"),
        ("smtp://host?from=a@b.example&ehlo=a%20b", "host's name"),
    ],
)
def test_a_url_that_makes_no_sense_is_refused(url, words):
    with pytest.raises(InvalidProviderUrl, match=words):
        server(url)


def test_secrets_stay_out_of_tracebacks():
    assert "secret" not in repr(Credentials(user="anna", password="secret"))
