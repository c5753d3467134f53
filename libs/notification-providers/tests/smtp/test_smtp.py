import asyncio
import re
import time

import pytest
from notification_contracts.states import Reason
from notification_providers.port import (
    Accepted,
    AddressGone,
    FaultSide,
    ForgedReceipt,
    Misconfigured,
    PermanentFailure,
    ReceiptRequest,
    Repeating,
    TransientFailure,
    UncertainFailure,
)

HANG_UP, HANG = "hang up", "hang"
MESSAGE_ID = "<01a220ca-5fd2-77b7-a338-c2ecc1aaf8bc@example.org>"


async def test_what_the_server_takes_is_accepted_under_its_message_id(smtp, opened, message):
    answer = await opened().send(message())

    assert answer == Accepted(message_id=MESSAGE_ID)
    assert "MAIL FROM:<shop@example.org>" in smtp.commands[1]
    assert smtp.commands[2] == "RCPT TO:<ada@example.com>"
    assert smtp.mail["Message-ID"] == MESSAGE_ID


async def test_the_servers_own_id_is_logged_and_no_address_is(opened, message, capsys):
    await opened().send(message())

    said = capsys.readouterr().out
    assert "queued as 4711" in said
    assert "ada@example.com" not in said


@pytest.mark.parametrize("phase", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("how", [HANG_UP, HANG])
async def test_before_the_final_dot_nothing_was_sent(smtp, opened, message, phase, how):
    smtp.replies[phase] = how

    answer = await opened(timeout=0.4 if how == HANG else 60).send(message())

    assert isinstance(answer, TransientFailure)
    assert answer.detail.startswith("nothing sent")
    assert smtp.mails == []


async def test_a_server_that_hangs_up_after_the_final_dot_may_have_taken_it(smtp, opened, message):
    smtp.replies["DOT"] = HANG_UP

    assert isinstance(await opened().send(message()), UncertainFailure)


async def test_who_waits_no_longer_takes_the_connection_along(smtp, opened, message):
    smtp.replies["DOT"] = [HANG]
    provider = opened()
    sending = asyncio.create_task(provider.send(message()))
    while not smtp.mails:
        await asyncio.sleep(0.01)

    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending

    assert await provider.send(message()) == Accepted(message_id=MESSAGE_ID)
    assert smtp.connections == 2


async def test_without_a_server_nothing_was_sent(smtp, opened, message):
    smtp.server.close()
    await smtp.server.wait_closed()

    answer = await opened().send(message())

    assert isinstance(answer, TransientFailure)
    assert "refused" in answer.detail


async def test_connections_are_kept(smtp, opened, message):
    provider = opened()
    for _ in range(3):
        await provider.send(message())

    assert smtp.connections == 1
    assert len(smtp.mails) == 3


async def test_a_connection_brings_a_hundred_mails_at_most(smtp, opened, message):
    provider = opened()
    for _ in range(101):
        await provider.send(message())

    assert smtp.connections == 2
    assert len(smtp.mails) == 101


async def test_a_connection_that_was_idle_for_half_a_minute_is_not_used_again(
    smtp, opened, message
):
    provider = opened()
    await provider.send(message())
    provider.pool.monotonic = lambda: time.monotonic() + 31

    await provider.send(message())

    assert smtp.connections == 2


@pytest.mark.parametrize("end", [HANG_UP, "421 4.4.2 timeout"])
async def test_a_kept_connection_that_is_dead_costs_nothing(smtp, opened, message, end):
    provider = opened()
    await asyncio.gather(provider.send(message()), provider.send(message()))
    smtp.replies["MAIL"] = [end, end]

    assert await provider.send(message()) == Accepted(message_id=MESSAGE_ID)
    assert smtp.connections == 3


async def test_after_a_refusal_the_same_connection_begins_anew(smtp, opened, message):
    provider = opened()
    smtp.replies["RCPT"] = ["550 5.1.1 <ada@example.com>: User unknown"]

    first = await provider.send(message())
    second = await provider.send(message("bob@example.com"))

    assert first == AddressGone(
        reason=Reason.ADDRESS_GONE, detail="550 5.1.1 <…>: User unknown (at rcpt)"
    )
    assert isinstance(second, Accepted)
    assert smtp.connections == 1
    assert "RSET" in smtp.commands


async def test_a_refusal_after_the_final_dot_is_one(smtp, opened, message):
    smtp.replies["DOT"] = "552 5.3.4 too big"

    answer = await opened().send(message())

    assert isinstance(answer, PermanentFailure)
    assert answer.reason is Reason.MESSAGE_TOO_LONG


async def test_a_policy_of_the_server_raises_an_alarm(smtp, opened, message, capsys):
    smtp.replies["DOT"] = "550 5.7.1 rejected by policy"

    answer = await opened().send(message())

    assert isinstance(answer, PermanentFailure)
    assert answer.fault is FaultSide.PROVIDER
    said = capsys.readouterr().out
    assert "smtp.mail_refused" in said
    assert "warning" in said


@pytest.mark.parametrize("reply", ["what?", "25", "999 hello", "x" * 40_000])
async def test_what_is_no_smtp_after_the_final_dot_leaves_it_uncertain(
    smtp, opened, message, reply
):
    smtp.replies["DOT"] = [reply]
    provider = opened()
    answer = await provider.send(message())

    assert isinstance(answer, UncertainFailure)
    assert isinstance(await provider.send(message()), Accepted)
    assert smtp.connections == 2


async def test_lines_that_begin_with_a_dot_arrive_as_they_were(smtp, opened, message):
    await opened().send(message(message=".\n..hidden\n.end"))

    [content] = smtp.mails
    assert b"\r\n..\r\n...hidden\r\n..end\r\n" in content


async def test_a_large_mail_arrives_whole(smtp, opened, message):
    text = "0123456789abcdef\n" * 60_000

    await opened().send(message(message=text))

    assert smtp.mail.get_content().replace("\r\n", "\n") == text


async def test_an_address_beyond_ascii_needs_a_server_that_takes_it(smtp, opened, message):
    provider = opened()
    refused = await provider.send(message("käthe@example.com"))
    smtp.replies["EHLO"] = "250-lab\r\n250-8BITMIME\r\n250 SMTPUTF8"
    taken = await opened().send(message("käthe@example.com"))

    assert isinstance(refused, PermanentFailure)
    assert refused.fault is FaultSide.RECIPIENT
    assert "SMTPUTF8" in refused.detail
    assert isinstance(taken, Accepted)
    assert any("SMTPUTF8 BODY=8BITMIME" in each for each in smtp.commands)
    assert smtp.commands[-3:-1] == [
        "MAIL FROM:<shop@example.org> SMTPUTF8 BODY=8BITMIME",
        "RCPT TO:<käthe@example.com>",
    ]


async def test_a_header_makes_repeating_safe_where_the_server_knows_it(smtp, opened, message):
    provider = opened("idempotency_header=Resend-Idempotency-Key")
    await provider.send(message())

    assert provider.repeating is Repeating.IDEMPOTENT
    assert smtp.mail["Resend-Idempotency-Key"] == message().idempotency_key
    assert opened().repeating is Repeating.NEITHER


async def test_a_check_sends_nothing(smtp, opened):
    result = await opened().check()

    assert result.is_ok
    assert smtp.mails == []
    assert smtp.commands[-1] == "QUIT"


@pytest.mark.parametrize(
    ("phase", "reply", "words"),
    [
        ("CONNECT", "554 5.7.1 you are blocked", "554 5.7.1 you are blocked (at connect)"),
        ("MAIL", "553 5.7.1 not your address", "553 5.7.1 not your address (at mail)"),
        ("MAIL", HANG_UP, "nothing sent"),
    ],
)
async def test_a_check_says_in_the_servers_words_what_is_wrong(smtp, opened, phase, reply, words):
    smtp.replies[phase] = reply

    result = await opened().check()

    assert not result.is_ok
    assert words in result.words


@pytest.mark.parametrize(("phase", "reply"), [("CONNECT", "554 go away"), ("MAIL", "550 no")])
async def test_a_server_that_wants_no_mail_of_ours_refuses_the_system(
    smtp, opened, message, phase, reply
):
    smtp.replies[phase] = reply

    assert isinstance(await opened().send(message()), Misconfigured)


@pytest.mark.parametrize(
    "address", ["no address", "a@b@c", "a,b@example.com", "a\r\nb@example.com"]
)
async def test_what_is_no_address_is_refused_before_anything_is_sent(
    smtp, opened, message, address
):
    answer = await opened().send(message(address))

    assert isinstance(answer, PermanentFailure)
    assert answer.reason is Reason.INVALID_ADDRESS
    assert smtp.connections == 0


async def test_a_return_path_of_its_own_for_every_mail(smtp, opened, message):
    smtp.replies["EHLO"] = "250-lab\r\n250 DSN"
    provider = opened("verp=bounces@example.org&bounce_secret=0123456789abcdef")
    await provider.send(message())
    await provider.send(message("bob@example.com"))

    one, other = (each for each in smtp.commands if each.startswith("MAIL"))
    assert re.fullmatch(r"MAIL FROM:<bounces\+[a-z2-7]{47}@example\.org> RET=HDRS", one)
    assert one != other


async def test_without_a_secret_no_bounce_is_believed(opened):
    with pytest.raises(ForgedReceipt):
        opened().read(ReceiptRequest(url="", headers={}, body=b"Subject: x"))


async def test_a_senders_domain_beyond_ascii_is_sent_in_ascii(smtp, opened, message):
    answer = await opened("from=Laden%20<shop@b%C3%BCcher.example>").send(message())

    assert "MAIL FROM:<shop@xn--bcher-kva.example>" in smtp.commands[1]
    assert smtp.mail["From"] == "Laden <shop@xn--bcher-kva.example>"
    assert smtp.mail["Message-ID"] == answer.message_id
    assert answer.message_id.endswith("@xn--bcher-kva.example>")
