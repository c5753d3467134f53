"""The mails are as in RFC 3464, appendix E; RFC 5965, appendix B; RFC 3834; and as qmail's are."""

import pytest
from notification_contracts.address_reports import ReportKind
from notification_contracts.states import Reason
from notification_providers.port import (
    AddressReport,
    ForgedReceipt,
    Receipt,
    ReceiptRequest,
    ReceiptStatus,
    UnreadableReceipt,
)
from notification_providers.smtp.bounces import BounceReader
from notification_providers.smtp.return_path import ReturnPath

SECRET = "a-secret-of-the-mail-server"
TRACE_ID = "01a220ca-5fd2-77b7-a338-c2ecc1aaf8bc"
ADA = "ada@example.com"
PATH = ReturnPath(local="bounces", domain="example.org", secret=SECRET)
RETURN_PATH = PATH.of(TRACE_ID, ADA)
READER = BounceReader(channel="email", domain="example.org", return_path=PATH, secret=SECRET)


def read(mail, secret=SECRET):
    headers = {"authorization": f"Bearer {secret}"}
    body = mail if isinstance(mail, bytes) else mail.lstrip().encode()
    return READER.read(ReceiptRequest(url="https://a/receipts/smtp", headers=headers, body=body))


def notice(status="5.1.1", *, action="failed", to=RETURN_PATH, recipient=ADA, words=None):
    return f"""
From: MAILER-DAEMON@mail.example.com
To: {to}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I'm sorry to have to inform you that your message could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.com

Final-Recipient: rfc822; {recipient}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {words or f"550 {status} <{recipient}>: it is; so"}

--b
Content-Type: text/rfc822-headers

Message-ID: <{TRACE_ID}@example.org>

--b--
"""


@pytest.mark.parametrize(
    ("status", "event"),
    [
        ("5.1.1", ReportKind.BOUNCE),
        ("5.1.2", ReportKind.BOUNCE),
        ("5.2.1", ReportKind.BOUNCE),
        ("5.2.2", ReportKind.SOFT_BOUNCE),
        ("4.4.7", ReportKind.SOFT_BOUNCE),
        ("5.4.4", ReportKind.SOFT_BOUNCE),
        ("5.7.1", None),
        ("5.3.0", None),
    ],
)
def test_a_notice_ends_the_mail_and_says_something_of_the_address(status, event):
    receipt, *reports = read(notice(status))

    assert receipt == Receipt(
        message_id=f"<{TRACE_ID}@example.org>",
        status=ReceiptStatus.FAILED,
        reason=(Reason.ADDRESS_GONE if event is ReportKind.BOUNCE else Reason.PROVIDER_REJECTED),
        detail=f"it came back: 550 {status} <…>: it is; so",
    )
    assert [each.kind for each in reports] == ([event] if event else [])
    assert [each.address for each in reports] == ([ADA] if event else [])


def test_a_server_that_reports_less_than_it_was_told_is_read_by_its_words():
    """Exim's notices have no other status than 5.0.0."""
    _, report = read(notice("5.0.0", words="550 5.1.1 User unknown"))

    assert report.kind is ReportKind.BOUNCE


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded"])
def test_what_is_no_failure_says_nothing(action):
    assert read(notice("4.4.1", action=action)) == []


def test_servers_may_change_capital_letters():
    _, report = read(notice(to=RETURN_PATH.upper(), recipient="ADA@Example.com"))

    assert report.address == "ADA@Example.com"


@pytest.mark.parametrize("header", ["Delivered-To", "X-Original-To", "Envelope-To"])
def test_the_return_path_is_found_where_servers_leave_it(header):
    assert len(read(notice(to=f"undisclosed\n{header}: <{RETURN_PATH}>"))) == 2


def test_nobody_can_have_another_address_suppressed():
    """Who got a mail knows its return path, and could write a notice about somebody else."""
    [receipt] = read(notice(recipient="eve@example.com"))

    assert isinstance(receipt, Receipt)


def test_a_return_path_cannot_be_made_up():
    token = RETURN_PATH.partition("+")[2].partition("@")[0]
    other = "a" if token[30] != "a" else "b"
    forged = f"bounces+{token[:30]}{other}{token[31:]}@example.org"

    assert read(notice(to=forged)) == []
    assert read(notice(to="bounces@example.org")) == []
    foreign = ReturnPath(local="bounces", domain="example.org", secret="another secret of 16")
    assert read(notice(to=foreign.of(TRACE_ID, ADA))) == []


def test_a_return_path_fits_into_an_address():
    longest = ReturnPath(local="b" * 16, domain="example.org", secret=SECRET)

    assert len(longest.of(TRACE_ID, ADA).partition("@")[0]) == 64
    assert PATH.of("no uuid", ADA) == "bounces@example.org"


COMPLAINT = f"""
From: abuse@example.com
To: fbl@example.org
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

This is an email abuse report.

--b
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: SomeGenerator/1.0
Version: 1
Original-Mail-From: <{RETURN_PATH}>
Original-Rcpt-To: <{ADA}>

--b
Content-Type: message/rfc822

From: <shop@example.org>
To: <{ADA}>
Subject: Your order

Hello
--b--
"""


def test_a_complaint_is_about_the_address_alone():
    assert read(COMPLAINT) == [
        AddressReport(channel="email", kind=ReportKind.COMPLAINT, address=ADA, evidence="complaint")
    ]


VACATION = f"""
From: {ADA}
To: {RETURN_PATH}
Subject: Out of office: user unknown
Auto-Submitted: auto-replied

This is the Postfix program: {ADA} said: 550 user unknown
"""
ANSWER = f"""
From: {ADA}
To: {RETURN_PATH}
Subject: Re: Your order

Thank you!
"""


@pytest.mark.parametrize("mail", [VACATION, ANSWER])
def test_what_people_and_their_machines_answer_says_nothing(mail):
    assert read(mail) == []


QMAIL = f"""
From: MAILER-DAEMON@mail.example.com
To: {RETURN_PATH}
Subject: failure notice

Hi. This is the qmail-send program at mail.example.com.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{ADA}>:
Sorry, no mailbox here by that name.

--- Below this line is a copy of the message.

"""


def test_a_notice_in_no_standard_form_is_read_too_and_trusted_less():
    receipt, report = read(QMAIL)

    assert receipt.status is ReceiptStatus.FAILED
    assert (report.kind, report.address) == (ReportKind.SOFT_BOUNCE, ADA)


def test_without_the_secret_nothing_is_read():
    with pytest.raises(ForgedReceipt):
        read(notice(), secret="guessed")


@pytest.mark.parametrize("body", [b"", b"\n\nno mail", b"\xff\xfe\x00"])
def test_what_is_no_mail_is_unreadable(body):
    with pytest.raises(UnreadableReceipt):
        read(body)


@pytest.mark.parametrize(
    "mail",
    [
        notice().replace('boundary="b"', ""),
        notice().replace("message/delivery-status", "message/delivery-status; charset=nope"),
        notice("nonsense"),
        notice(recipient="=?utf-8?q?=ff?="),
        COMPLAINT.replace("Feedback-Type", "\udcff".encode("utf-8", "surrogateescape").hex()),
    ],
)
def test_no_mail_breaks_it(mail):
    assert isinstance(read(mail), list)
