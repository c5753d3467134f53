"""What is looked after: users, providers, webhooks. Then axe-core looks at all screens."""

import base64
import json
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

pytestmark = pytest.mark.slow
SERIOUS = ("serious", "critical")
SCREENS = {
    "pipeline": "Delivery by chat",
    "notifications": None,
    "dead-letters": None,
    "outbox": None,
    "send": None,
    "users": "Users",
    "users/user_test": "Addresses of user_test",
    "providers": "Providers",
    "webhooks": "Webhooks",
    "keys": None,
    "activity": None,
}
SUBSCRIPTION = {
    "endpoint": "https://push.example.com/send/1",
    "keys": {
        "p256dh": base64.urlsafe_b64encode(b"\x04" * 65).decode().rstrip("="),
        "auth": base64.urlsafe_b64encode(bytes(16)).decode().rstrip("="),
    },
}
AFTER_AN_UPDATE = """async () => {
  const { parts } = await import('/room/lib/parts.js');
  await new Promise((resolve) => parts.on('providers', () => setTimeout(resolve)));
}"""


@pytest.fixture(scope="module")
def settings():
    return {"SMS_PROVIDERS": "fake://?script=fail-permanent"}


def test_a_user_is_added_changed_and_deleted(open_page, http):
    page = open_page("#/users")
    page.get_by_role("button", name="Add a user…").click()
    form = page.get_by_role("dialog", name="Add a user")
    form.get_by_label("User id").fill("ada")
    form.get_by_label("sms").fill("no number")
    form.get_by_role("button", name="Add").click()
    expect(form.get_by_label("sms")).to_have_attribute("aria-invalid", "true")
    form.get_by_label("sms").fill("")
    form.get_by_label("email").fill("ada@example.com work\nada@example.org")
    form.get_by_role("button", name="Add").click()

    expect(page.get_by_role("heading", name="ada", level=1)).to_be_visible()
    emails = http.get("/users/ada").json()["addresses"]["email"]
    assert [(each["address"], each["label"]) for each in emails] == [
        ("ada@example.com", "work"),
        ("ada@example.org", None),
    ]

    page.get_by_role("button", name="Change…").click()
    form = page.get_by_role("dialog", name="Change ada")
    form.get_by_label("Preferred channel").select_option("email")
    form.get_by_label("push").fill(f"{json.dumps(SUBSCRIPTION)} laptop")
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("cell", name="laptop")).to_be_visible()
    expect(page.get_by_text("Prefers email.")).to_be_visible()
    [pushed] = http.get("/users/ada").json()["addresses"]["push"]
    assert (json.loads(pushed["address"]), pushed["label"]) == (SUBSCRIPTION, "laptop")

    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("dialog", name="Delete ada?").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="Users", level=1)).to_be_visible()
    assert http.get("/users/ada").status_code == 404


def test_an_address_that_is_gone_is_shown_and_released(open_page, http, until):
    http.put("/users/bo", json={"email": "gone@sim.example"}).raise_for_status()
    http.post("/notifications", json={"user_id": "bo", "message": "m", "channel": "email"})
    until(lambda: http.get("/suppressions").json()["items"])
    page = open_page("#/users/bo")
    expect(page.get_by_text("not sent to: gone")).to_be_visible()

    page.get_by_role("navigation").get_by_role("link", name="Users").click()
    page.get_by_role("link", name="Not sent to").click()
    page.get_by_role("button", name="Release…").click()
    page.get_by_role("dialog").get_by_role("button", name="Release").click()

    expect(page.get_by_role("heading", name="Every address is sent to")).to_be_visible()
    assert http.get("/suppressions").json()["items"] == []


def test_the_focus_outlives_an_update(open_page):
    page = open_page("#/providers")
    button = page.get_by_role("button", name="Test push")
    button.focus()

    page.evaluate(AFTER_AN_UPDATE)

    expect(button).to_be_focused()


def test_a_button_that_is_pressed_outlives_an_update(open_page):
    page = open_page("#/providers")
    page.get_by_role("button", name="Test push").hover()
    page.mouse.down()
    page.evaluate(AFTER_AN_UPDATE)
    page.mouse.up()

    expect(page.get_by_role("dialog", name="Test the providers of push")).to_be_visible()


def test_a_provider_is_tested(open_page, system):
    page = open_page("#/providers")
    page.get_by_role("button", name="Test email").click()
    form = page.get_by_role("dialog", name="Test the providers of email")
    form.get_by_label("Send a test message to").fill("probe@example.com")
    form.get_by_role("button", name="Test").click()

    answer = page.get_by_role("dialog", name="What came of email")
    expect(answer).to_contain_text("works")
    assert "probe@example.com" in [each["address"] for each in system.received()]
    answer.get_by_role("button", name="Close").last.click()

    page.get_by_role("button", name="Test sms").click()
    form = page.get_by_role("dialog", name="Test the providers of sms")
    form.get_by_label("Send a test message to").fill("+12025550100")
    form.get_by_role("button", name="Test").click()
    answer = page.get_by_role("dialog", name="What came of sms")
    expect(answer).to_contain_text("does not work")

    page.evaluate("location.hash = '#/users'")

    expect(page.get_by_role("heading", name="Users", level=1)).to_be_visible()
    expect(answer).to_be_hidden()


def test_a_provider_of_which_nothing_was_tried_is_not_said_to_work(open_page):
    page = open_page("#/providers")
    page.get_by_role("button", name="Test push").click()
    form = page.get_by_role("dialog", name="Test the providers of push")
    form.get_by_role("button", name="Test").click()

    answer = page.get_by_role("dialog", name="What came of push")
    expect(answer).to_contain_text("Test message: not tried.")
    expect(answer).not_to_contain_text("works")


def test_a_webhook_is_added_tested_and_removed(open_page, http):
    page = open_page("#/webhooks")
    page.get_by_role("button", name="Add a webhook…").click()
    form = page.get_by_role("dialog", name="Add a webhook")
    form.get_by_label("URL").fill("http://127.0.0.1:9/notifications")
    form.get_by_label("failed").check()
    form.get_by_role("button", name="Add").click()

    shown = page.get_by_role("dialog", name="The secret of this webhook")
    expect(shown.get_by_role("note")).to_contain_text("STATUS_WEBHOOK_NETWORKS")
    secret = shown.get_by_role("textbox")
    assert secret.input_value().startswith("whsec_")
    page.get_by_role("button", name="I have it").click()
    expect(
        page.get_by_role("heading", name="http://127.0.0.1:9/notifications", level=1)
    ).to_be_visible()
    [stored] = http.get("/webhooks").json()["items"]
    assert (stored["statuses"], stored["channels"]) == (["failed"], None)

    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_text("On its way.")).to_be_visible()

    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="No webhooks yet")).to_be_visible()


@pytest.fixture
def something_to_see(http):
    for user in ("user_test", "nobody"):
        request = {"user_id": user, "message": "m", "channel": "sms"}
        http.post("/notifications", json=request).raise_for_status()
    http.post("/webhooks", json={"url": "https://hooks.invalid/"}).raise_for_status()


@pytest.fixture(scope="module")
def axe():
    return Axe()


def violations(axe, page):
    found = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        (each["id"], each["help"], [node["html"] for node in each["nodes"]][:3])
        for each in found
        if each["impact"] in SERIOUS
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_screen(open_page, axe, theme, something_to_see):
    page = open_page(color_scheme=theme, reduced_motion="reduce")
    expect(page.get_by_role("link", name=re.compile(r"Dead letters \d"))).to_be_visible()
    found = {}
    for place, region in SCREENS.items():
        show(page, place, region)
        found[place] = violations(axe, page)

    assert not {place: each for place, each in found.items() if each}


def test_nothing_sticks_out_on_a_phone(open_page, something_to_see):
    page = open_page(viewport={"width": 360, "height": 740})
    widths = {}
    for place, region in SCREENS.items():
        show(page, place, region)
        widths[place] = page.evaluate("document.documentElement.scrollWidth")

    assert set(widths.values()) == {360}, widths
    show(page, "providers", "Providers")
    buttons = page.get_by_role("button", name="Test ")
    expect(buttons).to_have_count(5)
    assert len({each.bounding_box()["x"] for each in buttons.all()}) == 1


def test_an_answer_that_took_long_does_not_put_the_clock_back(open_page):
    page = open_page("#/keys")

    said = page.evaluate("""async () => {
      const { now, relative, setServerTime } = await import('/room/lib/time.js');
      const ago = (seconds) => new Date(Date.now() - seconds * 1000).toISOString();
      setServerTime(ago(4), Date.now() - 5_000);
      const late = relative(ago(0));
      setServerTime(ago(120), Date.now() - 5_000);
      return [late, Math.round((now() - Date.now()) / 1000)];
    }""")

    assert said == ["just now", -115]


def test_axe_finds_nothing_serious_in_dialogs_and_the_open_menu(open_page, axe):
    page = open_page("#/webhooks", viewport={"width": 900, "height": 900})
    page.get_by_role("button", name="Screens").click()
    expect(page.get_by_role("navigation")).to_be_visible()
    menu = violations(axe, page)
    page.get_by_role("button", name="Add a webhook…").click()
    expect(page.get_by_role("dialog")).to_be_visible()

    assert (menu, violations(axe, page)) == ([], [])


def show(page, place, region):
    page.evaluate("place => { location.hash = '#/' + place }", place)
    name = place.split("/")[0]
    expect(page.locator(f".view[data-view={name}] h1")).to_be_visible()
    expect(page.locator("[aria-busy=true], .spinner")).to_have_count(0)
    if region:
        expect(page.get_by_role("region", name=region, exact=True)).to_be_visible()
