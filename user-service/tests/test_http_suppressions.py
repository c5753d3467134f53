"""The health of addresses over HTTP: reports, lists, release."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from user_service.interface.suppressions import MAX_REPORTS

AT = "2026-01-01T00:00:00Z"
BOUNCE: dict[str, Any] = {
    "channel": "email",
    "address": "ada@b.example",
    "kind": "bounce",
    "reason": "invalid_address",
    "evidence": "550 5.1.1 no such user",
    "provider": "smtp",
    "at": AT,
    "trace_id": "019c0f5e-8a3c-7b1e-9a57-3f0c2d1e4b5a",
}
SUPPRESSION = {
    "reason": "bounce",
    "evidence": "550 5.1.1 no such user",
    "since": AT,
    "until": None,
}

Report = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
def report(client: httpx.AsyncClient) -> Report:
    """Report a bounce that is changed in these fields."""

    async def post(**changes: object) -> httpx.Response:
        return await client.post("/address-reports", json={"reports": [BOUNCE | changes]})

    return post


async def test_a_report_is_answered_with_the_health_of_its_address(report: Report) -> None:
    answer = await report()

    assert (answer.status_code, answer.json()) == (
        200,
        {"results": [{"channel": "email", "address": "ada@b.example", "health": "suppressed"}]},
    )


async def test_an_address_that_bounced_is_shown_and_another_one_takes_its_place(
    client: httpx.AsyncClient, report: Report
) -> None:
    await client.put("/users/ada", json={"email": ["ada@b.example", "ada@c.example"]})

    await report()

    contact = (await client.get("/users/ada/contact-info")).json()
    first, second = contact["addresses"]["email"]
    assert contact["email"] == "ada@c.example"
    assert (first["health"], first["suppression"]) == ("suppressed", SUPPRESSION)
    assert (second["health"], second["suppression"]) == ("good", None)


async def test_the_only_address_is_shown_though_it_is_suppressed(
    client: httpx.AsyncClient, report: Report
) -> None:
    await client.put("/users/ada", json={"email": "ada@b.example"})
    await report()

    assert (await client.get("/users/ada/contact-info")).json()["email"] == "ada@b.example"


async def test_reports_find_an_address_however_it_is_written(
    client: httpx.AsyncClient, report: Report
) -> None:
    await client.put("/users/ada", json={"email": "ada@b.example"})

    await report(address="ada@B.EXAMPLE")

    [address] = (await client.get("/users/ada")).json()["addresses"]["email"]
    assert address["health"] == "suppressed"


async def test_a_device_that_is_gone_is_removed(client: httpx.AsyncClient, report: Report) -> None:
    await client.put("/users/ada", json={"push": ["phone", "tablet"]})
    later = datetime.now(UTC) + timedelta(hours=1)

    answer = await report(channel="push", address="phone", kind="gone", at=later.isoformat())

    assert answer.json()["results"][0]["health"] == "removed"
    assert (await client.get("/users/ada")).json()["push"] == "tablet"


async def test_a_clock_that_is_ahead_does_not_make_a_release_void(
    client: httpx.AsyncClient, report: Report
) -> None:
    await report(at="2099-01-01T00:00:00Z")
    [listed] = (await client.get("/suppressions")).json()["items"]

    released = await client.delete("/suppressions/email/ada@b.example")

    assert datetime.fromisoformat(listed["since"]) <= datetime.now(UTC)
    assert released.status_code == 204


async def test_suppressions_are_listed_with_their_evidence(
    client: httpx.AsyncClient, report: Report
) -> None:
    await report()

    answer = await client.get("/suppressions")

    item = {
        "channel": "email",
        "address": "ada@b.example",
        **SUPPRESSION,
        "provider": "smtp",
    }
    assert answer.json() == {"items": [item], "next_cursor": None}


async def test_suppressions_are_listed_page_by_page_and_filtered(
    client: httpx.AsyncClient, report: Report
) -> None:
    for number in range(3):
        await report(address=f"{number}@b.example", at=f"2026-01-0{number + 1}T00:00:00Z")
    await report(channel="sms", address="+12025550100", kind="opt_out", at="2026-01-09T00:00:00Z")

    first = (await client.get("/suppressions?reason=bounce&limit=2")).json()
    second = (
        await client.get(f"/suppressions?reason=bounce&limit=2&cursor={first['next_cursor']}")
    ).json()
    sms = (await client.get("/suppressions?channel=sms")).json()

    assert [each["address"][0] for each in first["items"]] == ["2", "1"]
    assert [each["address"][0] for each in second["items"]] == ["0"]
    assert second["next_cursor"] is None
    assert [each["reason"] for each in sms["items"]] == ["opt_out"]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("channel=pigeon", "/query/channel"),
        ("reason=used", "/query/reason"),
        ("reason=boredom", "/query/reason"),
        ("limit=0", "/query/limit"),
        ("cursor=AAAA", "/query/cursor"),
        ("nosuch=x", "/query/nosuch"),
    ],
)
async def test_a_bad_filter_is_refused(client: httpx.AsyncClient, query: str, pointer: str) -> None:
    answer = await client.get(f"/suppressions?{query}")

    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("channel", "address", "written"),
    [
        ("email", "ada@b.example", "ada@B.EXAMPLE"),
        ("sms", "+12025550100", "+1 202 555 0100"),
        ("webhook", "https://b.example/x?a=%2F&b", "https://b.example/x?a=%2F&b"),
        ("chat", "über/uns #1", "über/uns #1"),
    ],
)
async def test_any_address_can_be_released(
    client: httpx.AsyncClient, report: Report, channel: str, address: str, written: str
) -> None:
    await report(channel=channel, address=address)

    released = await client.delete(f"/suppressions/{channel}/{quote(written, safe='')}")

    assert (released.status_code, released.content) == (204, b"")
    assert (await client.get("/suppressions")).json()["items"] == []


@pytest.mark.parametrize(
    "path", ["email/eve@b.example", "pigeon/coop", "email/nonsense", "sms/%00"]
)
async def test_what_is_not_suppressed_cannot_be_released(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.delete(f"/suppressions/{path}")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_suppressed")


async def test_odd_words_of_a_provider_are_kept_as_far_as_they_can_be(
    client: httpx.AsyncClient, report: Report
) -> None:
    await report(evidence="550\r\nno\x00 such user" + "x" * 2000)

    [item] = (await client.get("/suppressions")).json()["items"]
    assert item["evidence"].startswith("550  no  such user")
    assert len(item["evidence"]) == 1000


async def test_without_evidence_the_reason_is_shown(
    client: httpx.AsyncClient, report: Report
) -> None:
    await report(evidence=None)

    [item] = (await client.get("/suppressions")).json()["items"]
    assert item["evidence"] == "invalid_address"


async def test_an_address_that_no_user_could_have_is_kept_as_it_is(
    client: httpx.AsyncClient, report: Report
) -> None:
    await report(address="postmaster")

    assert (await client.get("/suppressions")).json()["items"][0]["address"] == "postmaster"


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/reports"]),
        ({"reports": [BOUNCE | {"channel": "pigeon"}]}, ["/reports/0/channel"]),
        ({"reports": [BOUNCE, BOUNCE | {"kind": "odd"}]}, ["/reports/1/kind"]),
        ({"reports": [BOUNCE | {"address": ""}]}, ["/reports/0/address"]),
        ({"reports": [BOUNCE | {"address": "a\u0000"}]}, ["/reports/0/address"]),
        ({"reports": [BOUNCE | {"at": "2026-01-01T00:00:00"}]}, ["/reports/0/at"]),
        ({"reports": [BOUNCE | {"at": None, "more": 1}]}, ["/reports/0/at", "/reports/0/more"]),
        ({"reports": [BOUNCE] * (MAX_REPORTS + 1)}, ["/reports"]),
    ],
)
async def test_a_bad_report_is_pointed_at_and_nothing_is_noted(
    client: httpx.AsyncClient, body: object, pointers: list[str]
) -> None:
    answer = await client.post("/address-reports", json=body)

    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == pointers
    assert (await client.get("/suppressions")).json()["items"] == []
