import asyncio
import base64
import smtplib
from email.message import EmailMessage

import aiosmtplib
import pytest

ANN, BOB = "ann@example.org", "bob@example.org"


def mail():
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "shop@example.com", ANN, "Grüße"
    message.set_content("hällo")
    message.add_alternative("<p>hällo</p>", subtype="html")
    return message


def client(lab, **options):
    return aiosmtplib.SMTP(hostname="localhost", port=lab.smtp_port, start_tls=False, **options)


async def send(lab, *recipients, **options):
    return await aiosmtplib.send(
        mail(),
        sender="bounces@example.com",
        recipients=list(recipients) or [ANN],
        **{"hostname": "localhost", "port": lab.smtp_port, "start_tls": False, **options},
    )


async def test_a_mail_arrives_decoded(lab):
    _, words = await send(lab)

    [message] = await lab.arrived(kind="email", to=ANN)
    assert words == f"2.0.0 OK: queued as {message.id}"
    assert (message.sender, message.subject) == ("bounces@example.com", "Grüße")
    assert (message.text, message.html) == ("hällo\n", "<p>hällo</p>\n")
    assert message.headers["To"] == ANN
    assert message.data["is_encrypted"] is False


@pytest.mark.parametrize("is_smtps", [False, True])
async def test_its_certificate_can_be_trusted(lab, trust, is_smtps):
    how = {"port": lab.smtps_port, "use_tls": True} if is_smtps else {"start_tls": True}

    await send(lab, username="me", password="secret", tls_context=trust, **how)

    [message] = await lab.arrived()
    assert message.data["is_encrypted"] is True
    assert message.data["login"] == "me"


async def test_it_offers_what_todays_servers_offer(lab):
    async with client(lab) as smtp:
        await smtp.ehlo()
        assert {"smtputf8", "8bitmime", "pipelining", "starttls", "enhancedstatuscodes"} <= set(
            smtp.esmtp_extensions
        )
        assert {"PLAIN", "LOGIN", "XOAUTH2"} <= {each.upper() for each in smtp.server_auth_methods}


async def test_an_address_may_have_letters_of_any_alphabet(lab):
    await send(lab, "jörg@example.org")

    [message] = await lab.arrived(to="jörg@example.org")
    assert "SMTPUTF8" in message.data["mail_options"]


async def test_xoauth2_takes_any_token(lab):
    """https://developers.google.com/workspace/gmail/imap/xoauth2-protocol"""
    words = base64.b64encode(b"user=me@example.com\1auth=Bearer t0ken\1\1").decode()
    async with client(lab) as smtp:
        await smtp.ehlo()
        code, _ = await smtp.execute_command(b"AUTH", b"XOAUTH2", words.encode())
        await smtp.sendmail("a@example.com", [ANN], b"Subject: x\r\n\r\nx\r\n")

    [message] = await lab.arrived()
    assert (code, message.data["login"]) == (235, "me@example.com")


@pytest.mark.parametrize("phase", ["connect", "ehlo", "mail", "rcpt", "data", "received", "taken"])
async def test_a_connection_breaks_in_every_phase(lab, phase):
    lab.fault(wire="smtp", phase=phase, answer="hang_up", times=1)

    with pytest.raises(aiosmtplib.SMTPException):
        await send(lab)

    assert len(lab.messages.find()) == (1 if phase == "taken" else 0)
    await send(lab)


@pytest.mark.parametrize("phase", ["connect", "ehlo", "mail", "rcpt", "data", "received", "taken"])
async def test_a_connection_hangs_in_every_phase_until_the_client_leaves(lab, phase):
    lab.fault(wire="smtp", phase=phase, answer="hang", times=1)
    smtp = client(lab)

    async def use():
        await smtp.connect()
        await smtp.send_message(mail())

    using = asyncio.create_task(use())
    while not lab.faults.listed()[0].is_over:
        await asyncio.sleep(0.01)
    assert not using.done()
    smtp.close()
    using.cancel()
    await asyncio.gather(using, return_exceptions=True)

    assert len(lab.messages.find()) == (1 if phase == "taken" else 0)
    await send(lab)


@pytest.mark.parametrize("phase", ["connect", "ehlo", "starttls", "auth", "mail", "rcpt", "data"])
async def test_any_code_is_answered_in_every_phase(lab, trust, phase):
    lab.fault(wire="smtp", phase=phase, status=554, text="5.7.1 not you")

    def use():
        with smtplib.SMTP("localhost", lab.smtp_port, timeout=60) as smtp:
            smtp.starttls(context=trust)
            smtp.login("me", "secret")
            smtp.send_message(mail())

    with pytest.raises(smtplib.SMTPException) as caught:
        await asyncio.to_thread(use)

    assert "not you" in str(caught.value) or phase in {"ehlo", "starttls"}
    assert not lab.messages.find()


async def test_after_a_421_the_connection_is_closed(lab):
    lab.fault(wire="smtp", phase="mail", status=421, text="4.3.2 going down", times=1)
    async with client(lab) as smtp:
        with pytest.raises(aiosmtplib.SMTPSenderRefused):
            await smtp.mail("a@example.com")
        with pytest.raises(aiosmtplib.SMTPServerDisconnected):
            await smtp.noop()


async def test_one_of_two_recipients_is_refused(lab):
    lab.fault(wire="smtp", answer="gone", to="Ann@example.org")

    refused, _ = await send(lab, ANN, BOB)

    assert refused[ANN].code == 550
    assert refused[ANN].message.startswith("5.1.1 ")
    assert [each.to for each in lab.messages.find()] == [BOB]


@pytest.mark.parametrize(
    ("word", "error", "code"),
    [
        ("throttled", aiosmtplib.SMTPSenderRefused, 451),
        ("unauthorized", aiosmtplib.SMTPAuthenticationError, 535),
        ("unavailable", aiosmtplib.SMTPConnectResponseError, 421),
    ],
)
async def test_a_word_is_answered_in_its_phase(lab, word, error, code):
    lab.fault(wire="smtp", answer=word)

    with pytest.raises(error) as caught:
        await send(lab, username="me", password="secret")

    assert caught.value.code == code
    assert not lab.messages.find()
