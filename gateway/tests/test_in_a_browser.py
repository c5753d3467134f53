"""A real browser: what its pages may do here, and what a page from elsewhere may not."""

import os
import shutil
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from fastapi import FastAPI
from playwright.async_api import Page, async_playwright
from testkit.http import live_server

CEILING_MS = 60_000
CHROMIUM = shutil.which("chromium")
# Names that lead to this machine: the attacker's own, and one that the attacker has let lead here.
NAMES = "MAP evil.example 127.0.0.1, MAP rebound.example 127.0.0.1"

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None and "CI" not in os.environ, reason="there is no chromium on the PATH"
    ),
]


@pytest_asyncio.fixture(loop_scope="module")
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM or "chromium",
            args=["--no-sandbox", f"--host-resolver-rules={NAMES}"],
            timeout=CEILING_MS,
        )
        opened = await browser.new_page()
        opened.set_default_timeout(CEILING_MS)
        yield opened
        await browser.close()


@pytest.fixture
def refused(gateway: FastAPI) -> Callable[[int], float]:
    """Tell how many requests were answered with a status."""

    def count(status: int) -> float:
        return sum(
            sample.value
            for metric in gateway.state.registry.collect()
            for sample in metric.samples
            if sample.name == "http_requests_total" and sample.labels["status"] == str(status)
        )

    return count


async def blank_page(scope, receive, send) -> None:
    if scope["type"] == "http":
        headers = [(b"content-type", b"text/html")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"<title>a page</title>"})


ATTACKS = """async (door) => {
  // Nobody here may even see the refusal.
  const nothing = () => {};
  const mode = "no-cors", body = '{"user_id":"user_test","message":"m"}';
  const post = (path, body) =>
    fetch(door + path, { method: "POST", mode, body }).catch(nothing);
  await post("/notifications", body);
  await post("/dead-letters/replay", '{"limit":9}');
  const frame = document.createElement("iframe");
  frame.name = "frame";
  document.body.append(frame);
  const form = document.createElement("form");
  Object.assign(form, { method: "post", action: door + "/notifications", target: "frame" });
  form.enctype = "text/plain";
  form.innerHTML = `<input name='{"user_id":"user_test","message":"' value='"}'>`;
  document.body.append(form);
  const answered = new Promise((resolve) => (frame.onload = resolve));
  form.submit();
  await answered;
}"""


@pytest.mark.parametrize("site", ["evil.example", "localhost"])
async def test_a_page_from_elsewhere_commands_nothing_in_a_real_browser(
    page, gateway, publisher, refused, site
):
    async with live_server(gateway) as door, live_server(blank_page) as elsewhere:
        await page.goto(elsewhere.replace("127.0.0.1", site))
        await page.evaluate(ATTACKS, door.replace("127.0.0.1", "localhost"))

    assert publisher.seen == []
    assert refused(403) == 3


async def test_a_name_that_leads_here_reads_nothing(page, gateway, users, refused):
    async with live_server(gateway) as door:
        answer = await page.goto(door.replace("127.0.0.1", "rebound.example") + "/users")
        said = await answer.json()

    assert (answer.status, said["code"]) == (421, "unknown_host")
    assert users.seen == []


async def test_its_own_page_may_send(page, gateway, publisher):
    async with live_server(gateway) as door:
        await page.goto(f"{door}/docs")
        call = page.locator("#operations-notifications-send_notification")
        await call.locator(".opblock-summary").click()
        await call.locator("button.execute").click()
        await call.locator(".live-responses-table .response-col_status").first.wait_for()

    assert [(sent["method"], sent["path"]) for sent in publisher.seen] == [
        ("POST", "/notifications")
    ]
