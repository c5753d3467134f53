"""Sources of the table: RFC 5321 (codes), RFC 3463 and the registry of enhanced codes,
https://www.iana.org/assignments/smtp-enhanced-status-codes; Postfix's and others' own words."""

import pytest
from notification_contracts.states import Reason
from notification_providers.port import (
    AddressGone,
    FaultSide,
    Misconfigured,
    PermanentFailure,
    TransientFailure,
    UncertainFailure,
)
from notification_providers.smtp.replies import Phase, Reply, is_infrastructure, read_refusal

OURS, THEIRS = FaultSide.PROVIDER, FaultSide.RECIPIENT
REJECTED, TOO_LONG = Reason.PROVIDER_REJECTED, Reason.MESSAGE_TOO_LONG
UNAVAILABLE, LIMITED = Reason.PROVIDER_UNAVAILABLE, Reason.RATE_LIMITED


@pytest.mark.parametrize(
    ("phase", "code", "text"),
    [
        # RFC 3463, section 3.2: bad mailbox, bad system, bad syntax, mailbox has moved.
        (Phase.RCPT, 550, "5.1.1 <ada@example.com>: User unknown in virtual mailbox table"),
        (Phase.RCPT, 550, "5.1.2 Domain not found"),
        (Phase.RCPT, 501, "5.1.3 Bad recipient address syntax"),
        (Phase.RCPT, 551, "5.1.6 mailbox has moved"),
        (Phase.RCPT, 556, "5.1.10 Recipient address has null MX"),  # RFC 7505
        # Section 3.3: mailbox disabled.
        (Phase.RCPT, 550, "5.2.1 The email account that you tried to reach is disabled"),
        (Phase.SENT, 550, "5.1.1 no such user here"),
    ],
)
def test_the_address_is_gone(phase, code, text):
    assert isinstance(read_refusal(Reply(code, text), phase), AddressGone)


@pytest.mark.parametrize(
    ("phase", "code", "text", "reason", "fault"),
    [
        (Phase.RCPT, 552, "5.2.2 Mailbox full", REJECTED, THEIRS),
        (Phase.RCPT, 550, "5.1.0 Address rejected", REJECTED, THEIRS),
        (Phase.RCPT, 550, "5.4.1 No answer from host", REJECTED, THEIRS),
        (Phase.RCPT, 550, "5.4.4 Unable to route", REJECTED, THEIRS),
        (Phase.RCPT, 550, "mailbox unavailable", REJECTED, THEIRS),
        (Phase.RCPT, 553, "mailbox name not allowed", REJECTED, THEIRS),
        (Phase.MAIL, 552, "5.3.4 Message size exceeds fixed limit", TOO_LONG, THEIRS),  # RFC 1870
        (Phase.MAIL, 552, "too big", TOO_LONG, THEIRS),
        (Phase.SENT, 552, "too big", TOO_LONG, THEIRS),
        (Phase.SENT, 554, "5.6.0 Message content rejected", REJECTED, THEIRS),
        (Phase.MAIL, 553, "5.6.7 Non-ASCII address", REJECTED, THEIRS),  # RFC 6531
        # Policy, and all that is about the sender or the way in which it was spoken: RFC 3463,
        # sections 3.6 and 3.8.
        (Phase.RCPT, 554, "5.7.1 <ada@example.com>: Relay access denied", REJECTED, OURS),
        (Phase.SENT, 550, "5.7.1 Service unavailable; client blocked", REJECTED, OURS),
        (Phase.SENT, 550, "5.7.26 Unauthenticated email is not accepted", REJECTED, OURS),
        (Phase.RCPT, 550, "5.1.8 Sender's domain does not exist", REJECTED, OURS),
        (Phase.RCPT, 503, "5.5.1 Error: need MAIL command", REJECTED, OURS),
        (Phase.DATA, 554, "5.3.0 no", REJECTED, OURS),
        (Phase.SENT, 554, "transaction failed", REJECTED, OURS),
    ],
)
def test_refused_for_good(phase, code, text, reason, fault):
    answer = read_refusal(Reply(code, text), phase)

    assert isinstance(answer, PermanentFailure)
    assert (answer.reason, answer.fault) == (reason, fault)
    assert is_infrastructure(answer) is (fault is OURS)


@pytest.mark.parametrize(
    ("phase", "code", "text"),
    [
        (Phase.AUTH, 535, "5.7.8 Authentication credentials invalid"),  # RFC 4954, section 6
        (Phase.AUTH, 535, "Incorrect authentication data"),
        (Phase.AUTH, 534, "5.7.9 mechanism too weak"),
        (Phase.AUTH, 504, "5.5.4 unrecognized authentication type"),
        (Phase.MAIL, 530, "5.7.0 Must issue a STARTTLS command first"),  # RFC 3207
        (Phase.MAIL, 530, "5.7.0 Authentication required"),
        (Phase.RCPT, 550, "5.7.14 Trust relationship required"),
        (Phase.MAIL, 553, "5.7.1 Sender address rejected: not owned by user"),
        (Phase.MAIL, 550, "no"),
        (Phase.CONNECT, 554, "5.7.1 Service unavailable; Client host blocked"),
    ],
)
def test_the_system_is_refused(phase, code, text):
    assert isinstance(read_refusal(Reply(code, text), phase), Misconfigured)


@pytest.mark.parametrize(
    ("phase", "code", "text", "reason", "fault"),
    [
        (Phase.CONNECT, 421, "4.3.2 Service not available", UNAVAILABLE, OURS),
        (Phase.RCPT, 421, "4.4.2 timeout exceeded", UNAVAILABLE, OURS),
        (Phase.AUTH, 454, "4.7.0 Temporary authentication failure", UNAVAILABLE, OURS),
        (Phase.MAIL, 452, "4.3.1 Insufficient system storage", UNAVAILABLE, OURS),
        (Phase.MAIL, 451, "4.7.0 Rate limit exceeded, try again later", LIMITED, OURS),
        (Phase.SENT, 421, "4.7.28 unusual rate of mail", LIMITED, OURS),
        (Phase.RCPT, 454, "4.7.1 <…>: Relay access denied", UNAVAILABLE, OURS),  # Postfix's default
        (Phase.RCPT, 452, "4.5.3 Too many recipients", UNAVAILABLE, OURS),
        (Phase.RCPT, 450, "4.2.0 Greylisted", UNAVAILABLE, THEIRS),
        (Phase.RCPT, 452, "4.2.2 Mailbox full", UNAVAILABLE, THEIRS),
        (Phase.RCPT, 450, "4.1.1 unverified address", UNAVAILABLE, THEIRS),
        (Phase.RCPT, 450, "mailbox busy", UNAVAILABLE, THEIRS),
        (Phase.RCPT, 451, "local error", UNAVAILABLE, OURS),
        (Phase.SENT, 451, "4.6.0 try again", UNAVAILABLE, OURS),
    ],
)
def test_not_now(phase, code, text, reason, fault):
    answer = read_refusal(Reply(code, text), phase)

    assert isinstance(answer, TransientFailure)
    assert (answer.reason, answer.fault) == (reason, fault)


@pytest.mark.parametrize("code", [-1, 200, 354, 600])
def test_what_is_no_refusal_is_no_smtp(code):
    assert isinstance(read_refusal(Reply(code, "?"), Phase.MAIL), TransientFailure)
    assert isinstance(read_refusal(Reply(code, "?"), Phase.SENT), UncertainFailure)


def test_an_enhanced_code_of_another_class_is_not_believed():
    answer = read_refusal(Reply(450, "5.1.1 no such user"), Phase.RCPT)

    assert isinstance(answer, TransientFailure)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("5.1.1 <ada@example.com>: User unknown", "5.1.1 <…>: User unknown"),
        ("ada@example.com is no user", "<…> is no user"),
        ("5.1.1 No such\n5.1.1 user here", "5.1.1 No such user here"),
        ("no \x1b[31m colour", "no ?[31m colour"),
        ("x" * 1000, "x" * 300),
    ],
)
def test_words_are_one_line_without_addresses(text, words):
    assert Reply(550, text).words == words
