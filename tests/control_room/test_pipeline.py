"""The frame of every screen, what it says when a part is away, and the pipeline."""

import re
import signal

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow
FIGURES_AT = "async () => (await import('/room/lib/live.js')).live.figuresAt"
# Hides and shows the page while it asks for figures; returns in how many places it will ask again.
HIDE_WHILE_IT_ASKS = """async () => {
  const { live } = await import('/room/lib/live.js');
  const { fetch, setTimeout } = window;
  let answer;
  const answered = new Promise((resolve) => { answer = resolve; });
  let rounds = 0;
  window.fetch = async (...request) => (await answered, fetch(...request));
  window.setTimeout = (action, delay) => ((rounds += delay === 2_000), setTimeout(action, delay));
  live.stop();
  live.start();
  live.stop();
  live.start();
  await new Promise((resolve) => {
    live.on('figures', resolve);
    answer();
  });
  await new Promise(requestAnimationFrame);
  Object.assign(window, { fetch, setTimeout });
  return rounds;
}"""


@pytest.fixture(scope="module")
def settings():
    return {
        # A service that hangs is noticed after this time, not after ten seconds.
        "UPSTREAM_TIMEOUT_SECONDS": "3",
        "EMAIL_PROVIDERS": "fake://?script=fail-permanent,fake://",
        "PROVIDER_BREAKER_SECONDS": "600",  # once it is open, it is until the last look at it
        "SMS_PROVIDERS": "fake://?script=429-after-600s",
    }


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


def skip_to_the_content(page):
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_the_content_can_be_reached_before_the_modules_are_there(open_page):
    page = open_page("#/users")
    page.route("**/room/start.js", lambda route: route.abort())
    page.reload()

    skip_to_the_content(page)

    assert page.url.endswith("#/users")


def test_the_keyboard_alone_is_enough(page, shortcut):
    main = page.locator("main")
    expect(page.get_by_role("heading", name="Pipeline", level=1)).to_be_visible()
    skip_to_the_content(page)

    shortcut(page, "gu")
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

    page.get_by_role("button", name="Screens").click()
    expect(page.get_by_role("navigation")).to_be_visible()
    page.go_back()

    expect(page.get_by_role("heading", name="Pipeline", level=1)).to_be_visible()
    expect(page.get_by_role("navigation")).to_be_hidden()


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

    system.signal("gateway", signal.SIGSTOP)
    try:
        page.goto(page.url.replace("pipeline", "users"))
        state_of(page, "away").to_be_visible()
        expect(page.locator(".connection .age")).to_have_text(re.compile(r"\d+ s old"))
        seen = page.evaluate(FIGURES_AT)
    finally:
        system.signal("gateway", signal.SIGKILL)

    state_of(page, "live").to_be_visible()
    assert page.evaluate(FIGURES_AT) > seen
    expect(page.get_by_role("heading", name="Users", level=1)).to_be_visible()


def test_a_page_that_cannot_ask_who_is_there_says_so_and_opens_later(open_page):
    page = open_page("#/users")
    page.route("**/session", lambda route: route.abort())
    page.reload()
    expect(page.get_by_role("heading", name="The server is away")).to_be_visible()

    page.unroute("**/session")

    expect(page.get_by_role("heading", name="Users", level=1)).to_be_visible()


def test_a_page_of_which_a_part_did_not_come_says_so_and_opens_later(open_page):
    page = open_page("#/users")
    page.route("**/room/lib/router.js", lambda route: route.abort())
    page.reload()
    expect(page.get_by_text("could not be loaded")).to_be_visible()

    page.unroute("**/room/lib/router.js")

    expect(page.get_by_role("heading", name="Users", level=1)).to_be_visible()


def test_a_page_hidden_while_it_asks_asks_no_more_often_afterwards(page):
    state_of(page, "live").to_be_visible()

    assert page.evaluate(HIDE_WHILE_IT_ASKS) == 1


def send(http, channel, count=1):
    for _ in range(count):
        request = {"user_id": "user_test", "message": "m", "channel": channel}
        http.post("/notifications", json=request).raise_for_status()


def test_what_is_sent_is_seen_to_flow(page, http, until):
    expect(page.get_by_role("region", name="Validation")).to_contain_text("Nothing waits")

    # Again and again, for what flows is shown only while it does.
    until(lambda: send(http, "push", 3) or page.locator(".flow .flowing").count(), seconds=180)

    push = page.get_by_role("region", name="Delivery by push")
    expect(push.locator(".rate")).to_have_text(re.compile(r"\d/s"))
    expect(page.locator(".outcome[data-tone=ok] .spark-line")).to_have_attribute(
        "d", re.compile("L")
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_was_sent_is_counted(open_page, http, until, picture, take_pictures, theme):
    size = {"width": 1440, "height": 850}
    page = open_page("#/pipeline", color_scheme=theme, viewport=size, device_scale_factor=1.5)
    expect(page.locator(".connection")).to_have_attribute("data-state", "live")
    rounds = iter(range(120 if take_pictures else 1))
    sent = page.locator(".outcome").filter(has_text="sent").locator(".big")

    def seen():
        for channel in ("email", "email", "push", "webhook", "chat", "sms"):
            send(http, channel)
        page.wait_for_timeout(400 if take_pictures else 0)
        return next(rounds, None) is None and re.search(r"[1-9][\d.]*/s", sent.inner_text())

    until(seen, seconds=180)

    picture(page, f"pipeline-{theme}")


def test_a_broken_provider_is_seen_and_the_next_one_takes_over(page, http):
    send(http, "email", 10)

    providers = page.get_by_role("list", name="Providers of email").get_by_role("link")
    expect(providers).to_have_count(2)
    first, second = providers.all()
    expect(first).to_contain_text("open")
    expect(first).to_have_attribute("data-tone", "bad")
    expect(second).to_contain_text("takes messages")
    assert first.get_attribute("href") == "#/providers"


def test_a_provider_that_wants_no_calls_is_paused_until_it_does(page, http):
    send(http, "sms")

    provider = page.get_by_role("list", name="Providers of sms").get_by_role("link")
    expect(provider).to_contain_text("paused until")
    sms = page.get_by_role("region", name="Delivery by sms")
    sms.get_by_role("link", name=re.compile(r"^[1-9]\d* retrying")).click()
    expect(page.get_by_role("heading", name="Notifications", level=1)).to_be_visible()
    assert page.url.endswith("#/notifications?status=validated&channel=sms")


def test_a_channel_is_paused_and_goes_on(page, http, until):
    push = page.get_by_role("region", name="Delivery by push")
    push.get_by_role("button", name="Pause push").click()
    question = page.get_by_role("dialog", name="Pause push?")
    question.get_by_role("button", name="Cancel").click()
    assert not is_paused(http, "push")
    push.get_by_role("button", name="Pause push").click()
    question.get_by_role("button", name="Pause").click()

    expect(push).to_contain_text("nothing is lost, all of it waits")
    assert is_paused(http, "push")
    # A dispatcher that has just asked for messages takes those still.
    until(lambda: send(http, "push") or waiting(http, "push"))
    expect(push.get_by_role("link", name=re.compile(r"^[1-9]\d* waiting"))).to_be_visible()

    push.get_by_role("button", name="Resume push").click()
    page.get_by_role("dialog", name="Resume push?").get_by_role("button", name="Resume").click()

    expect(push.get_by_role("link", name="0 waiting")).to_be_visible()
    until(lambda: not http.get("/notifications?channel=push&status=validated").json()["items"])


def waiting(http, channel):
    lanes = http.get("/pipeline").json()["lanes"]
    return sum(lane["waiting"] for lane in lanes if lane["channel"] == channel)


def is_paused(http, channel):
    states = http.get("/pipeline").json()["channels"]
    return next(each["is_paused"] for each in states if each["channel"] == channel)
