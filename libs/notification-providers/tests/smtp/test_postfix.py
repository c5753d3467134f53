"""The same against a real mail server, in its own words."""

from datetime import UTC, datetime

import pytest
from notification_contracts.address_reports import ReportKind
from notification_contracts.states import Reason
from notification_providers.port import (
    Accepted,
    AddressGone,
    FaultSide,
    PermanentFailure,
    ReceiptRequest,
    ReceiptStatus,
)
from notification_providers.registry import PROVIDERS
from notification_providers.urls import Limits, ProviderContext
from testkit.postfix_server import postfix  # noqa: F401

SECRET = "0123456789abcdef"


@pytest.fixture
async def provider(postfix):  # noqa: F811 - it is the fixture
    url = (
        f"smtp://127.0.0.1:{postfix.port}?from=Laden%20<shop@example.org>"
        f"&starttls=required&ca={postfix.ca_file}"
        f"&verp=bounces@example.com&bounce_secret={SECRET}"
    )
    context = ProviderContext("email", now=lambda: datetime.now(UTC))
    provider, _ = PROVIDERS.open(url, context, Limits())
    yield provider
    await provider.close()


async def test_what_postfix_takes_arrives_whole(postfix, provider, message):  # noqa: F811
    text = "Grüße 🎉\n.a dot\n" + "long " * 500
    answer = await provider.send(message(subject="Bestellung ü", message=text, html="<p>ü</p>"))
    again = await provider.send(message())

    assert isinstance(answer, Accepted)
    assert isinstance(again, Accepted)
    mail = {each["Subject"]: each for each in await postfix.arrived("ada", 2)}["Bestellung ü"]
    assert mail["Message-ID"] == answer.message_id
    assert mail["Return-Path"].startswith("<bounces+")
    assert "ESMTPS" in mail["Received"]
    assert mail.get_body(("plain",)).get_content().rstrip("\n") == text
    assert mail.get_body(("html",)).get_content() == "<p>ü</p>\n"


async def test_postfix_takes_a_check_for_what_it_is(provider):
    assert (await provider.check()).is_ok


async def test_an_unknown_mailbox_is_gone(provider, message):
    answer = await provider.send(message("nobody@example.com"))

    assert isinstance(answer, AddressGone)
    assert "5.1.1" in answer.detail
    assert "User unknown in virtual mailbox table" in answer.detail
    assert "nobody@example.com" not in answer.detail
    assert isinstance(await provider.send(message()), Accepted)


async def test_a_server_that_does_not_relay_refuses_us_and_no_recipient(provider, message):
    answer = await provider.send(message("ada@elsewhere.example"))

    assert isinstance(answer, PermanentFailure)
    assert answer.fault is FaultSide.PROVIDER
    assert "Relay access denied" in answer.detail


async def test_a_mail_that_is_too_large_is_refused_before_it_is_sent(provider, message):
    answer = await provider.send(message(message="too long\n" * 30_000))

    assert isinstance(answer, PermanentFailure)
    assert answer.reason is Reason.MESSAGE_TOO_LONG
    assert answer.detail.endswith("(at mail)")


async def test_a_server_that_takes_no_utf8_addresses_is_asked_for_nothing(provider, message):
    answer = await provider.send(message("käthe@example.com"))

    assert isinstance(answer, PermanentFailure)
    assert answer.reason is Reason.INVALID_ADDRESS


async def test_a_mail_that_comes_back_ends_it_and_its_address(postfix, provider, message):  # noqa: F811
    accepted = await provider.send(message("gone@example.net"))
    [came_back] = await postfix.arrived("bounces")

    request = ReceiptRequest(
        url="https://a/receipts/smtp",
        headers={"authorization": f"Bearer {SECRET}"},
        body=came_back.as_bytes(),
    )
    receipt, report = provider.read(request)

    assert receipt.message_id == accepted.message_id
    assert receipt.status is ReceiptStatus.FAILED
    assert (report.kind, report.address) == (ReportKind.BOUNCE, "gone@example.net")
