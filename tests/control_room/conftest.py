"""One system and one Chromium for each file of tests; a page of its own for each test."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect, sync_playwright
from testkit.patience import patient_client
from testkit.whole_system import System, new_system, until  # noqa: F401 - a fixture

CEILING_MS = 60_000
IMAGES = Path(__file__).parents[2] / "img"
CHROMIUM = shutil.which("chromium")

expect.set_options(timeout=CEILING_MS)


# Playwright's loop must not run on in a file of asynchronous tests, so it ends with the file.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None and "CI" not in os.environ:
        pytest.skip("there is no chromium on the PATH")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=CHROMIUM or "chromium", args=["--no-sandbox"], timeout=CEILING_MS
        )
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    """What the file's system is told, besides its ports; a file may say otherwise."""
    return {}


@pytest.fixture(scope="module")
def system(settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    running = new_system(tmp_path_factory.mktemp("system"), settings)
    running.start()
    yield running
    running.stop(signal.SIGTERM)


@pytest.fixture
def http(system: System) -> Iterator[httpx.Client]:
    with patient_client(system.url) as client:
        yield client


@pytest.fixture
def open_page(browser: Browser, system: System) -> Iterator[Callable[..., Page]]:
    """Open the control room at a hash such as `#/send`; options are those of Playwright's context.

    At the end of the test no page may have logged an error of its own: a violation of the
    Content-Security-Policy, an exception, a file that is missing.
    """
    contexts, errors = [], []

    def note(message: Any) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            errors.append(message.text)

    def open_at(place: str = "", **options: Any) -> Page:
        context = browser.new_context(**options)
        context.set_default_timeout(CEILING_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{system.url}/{place}")
        return page

    yield open_at
    for context in contexts:
        context.close()
    assert not errors


@pytest.fixture(scope="session")
def take_pictures() -> bool:
    """Whether the tests are to take the README's pictures anew."""
    return "README_PICTURES" in os.environ


@pytest.fixture
def picture(take_pictures: bool) -> Callable[[Page, str], None]:
    """Keep what a page shows as `img/NAME.png`, if pictures are to be taken."""

    def take(page: Page, name: str) -> None:
        if take_pictures:
            page.screenshot(path=IMAGES / f"{name}.png")

    return take


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """The control room, just opened."""
    return open_page()


@pytest.fixture
def shortcut() -> Callable[[Page, str], None]:
    """Type two keys that lead to a screen; the second one counts for a second and a half only, so
    time stands still for the page from now on.
    """

    def type_keys(page: Page, keys: str) -> None:
        page.clock.set_fixed_time(datetime.now(UTC))
        page.keyboard.type(keys)

    return type_keys


@pytest.fixture
def hold() -> Callable[[Page, str], Callable[[], None]]:
    """Keep back what a page asks for, as a slow network does: `hold(page, "**/keys")` returns what
    lets all of it go on.
    """

    def keep_back(page: Page, pattern: str) -> Callable[[], None]:
        waiting: list[Route] = []
        is_held = True

        def take(route: Route) -> None:
            if is_held:
                waiting.append(route)
            else:
                route.continue_()

        def let_go() -> None:
            nonlocal is_held
            is_held = False
            for route in waiting:
                route.continue_()

        page.route(pattern, take)
        return let_go

    return keep_back


@pytest.fixture
def leave(
    hold: Callable[[Page, str], Callable[[], None]],
) -> Callable[[Page, Locator, str, str], Callable[[], None]]:
    """Press a button of a form and leave the form before the answer to what it asks for (a
    pattern); returns what lets the answer come.
    """

    def press_and_leave(page: Page, form: Locator, button: str, pattern: str) -> Callable[[], None]:
        let_go = hold(page, pattern)
        with page.expect_request(pattern):
            form.get_by_role("button", name=button).click()
        page.keyboard.press("Escape")
        expect(form).to_be_hidden()
        return let_go

    return press_and_leave


@pytest.fixture
def send(http: httpx.Client) -> Callable[..., str]:
    """Send something to `user_test`; return its trace id."""

    def send_one(**fields: Any) -> str:
        asked = {"user_id": "user_test", "message": "hello", "channel": "email"} | fields
        answer = http.post("/notifications", json=asked)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["trace_id"])

    return send_one


@pytest.fixture
def send_later(send: Callable[..., str]) -> Callable[..., str]:
    """Send something that waits for its time; return its trace id."""
    due = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    return lambda **fields: send(send_at=due, **fields)
