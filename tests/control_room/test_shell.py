"""The frame of every screen: navigation, figures, and what is said when a part is away."""

import re
import signal

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow
FIGURES_AT = "async () => (await import('/room/lib/live.js')).live.figuresAt"


@pytest.fixture(scope="module")
def settings():
    # A service that hangs is noticed after this time, not after ten seconds.
    return {"UPSTREAM_TIMEOUT_SECONDS": "2"}


def state_of(page, state):
    return expect(page.locator(f".connection[data-state={state}]"))


def test_a_visitor_sees_the_system_work(page, http):
    expect(page.get_by_role("heading", name="Pipeline", level=1)).to_be_visible()
    state_of(page, "live").to_be_visible()
    assert page.url.endswith("#/pipeline")

    http.post("/notifications", json={"user_id": "nobody", "message": "m"}).raise_for_status()

    head = page.get_by_role("group", name="The queue now")
    expect(head.get_by_role("link", name="1 Dead")).to_be_visible()
    for figure in ("0 Waiting", "0 In flight", "0 Retrying"):
        expect(head.get_by_role("link", name=figure)).to_be_visible()


def test_the_keyboard_alone_is_enough(page):
    main = page.locator("main")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(main).to_be_focused()

    page.keyboard.type("gu")
    expect(page.get_by_role("heading", name="Users", level=1)).to_be_visible()
    expect(main).to_be_focused()
    assert page.url.endswith("#/users")

    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(sheet).to_contain_text("Dead letters")
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()


def test_a_link_leads_to_a_screen_and_back_again(open_page):
    page = open_page("#/providers")
    expect(page.get_by_role("heading", name="Providers", level=1)).to_be_visible()

    page.get_by_role("navigation").get_by_role("link", name="Users").click()
    expect(page.get_by_role("heading", name="Users", level=1)).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Providers", level=1)).to_be_visible()

    page.goto(page.url.replace("providers", "nowhere"))
    expect(page.get_by_role("heading", name="There is no such view")).to_be_visible()


def test_a_theme_that_was_chosen_is_kept(page):
    for theme in ("light", "dark"):
        page.get_by_role("button", name="Switch the theme").click()
        expect(page.locator(f"html[data-theme={theme}]")).to_be_attached()

    page.reload()

    expect(page.locator("html[data-theme=dark]")).to_be_attached()


def test_on_a_phone_everything_is_there_and_nothing_sticks_out(open_page):
    page = open_page("#/pipeline", viewport={"width": 360, "height": 740})
    expect(page.get_by_role("heading", name="email")).to_be_visible()
    page.get_by_role("button", name="Screens").click()
    page.get_by_role("link", name="Providers", exact=True).click()

    expect(page.get_by_role("heading", name="Providers", level=1)).to_be_visible()
    expect(page.get_by_role("navigation")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize(
    "service", ["notification-publisher", "notification-dispatcher", "user-service"]
)
def test_a_service_that_hangs_is_named_until_it_is_back(page, system, service):
    state_of(page, "live").to_be_visible()
    notice = page.get_by_role("status").filter(has_text=f"The {service} is away.")

    system.signal(service, signal.SIGSTOP)
    try:
        expect(notice).to_be_visible()
        expect(page.get_by_role("heading", name="email")).to_be_visible()
    finally:
        system.signal(service, signal.SIGCONT)

    expect(notice).to_be_hidden()
    state_of(page, "live").to_be_visible()


def test_the_page_outlives_a_restart_of_the_gateway(page, system, http):
    state_of(page, "live").to_be_visible()
    page.goto(page.url.replace("pipeline", "users"))

    system.signal("gateway", signal.SIGSTOP)
    try:
        state_of(page, "away").to_be_visible()
        expect(page.locator(".connection .age")).to_have_text(re.compile(r"\d+ s old"))
        seen = page.evaluate(FIGURES_AT)
    finally:
        system.signal("gateway", signal.SIGKILL)

    state_of(page, "live").to_be_visible()
    assert page.evaluate(FIGURES_AT) > seen
    assert page.url.endswith("#/users")
