"""The control room with GATEWAY_AUTH=keys: signing in, what a key may not do, keys, activity."""

import pytest
from playwright.sync_api import expect
from testkit.patience import patient_client

pytestmark = pytest.mark.slow
# Asks for something that is refused only once the test says so.
ASK = """async () => {
  const { get } = await import('/room/lib/api.js');
  const { fetch } = window;
  window.fetch = () => new Promise((answer) => {
    window.refuse = () => answer(new Response('{}', { status: 401 }));
  });
  window.refused = get('/pipeline').catch(() => {});
  window.fetch = fetch;
}"""


@pytest.fixture(scope="module")
def settings():
    return {"GATEWAY_AUTH": "keys"}


@pytest.fixture(scope="module")
def first_key(system):
    return (system.data_dir / "first-key").read_text().strip()


@pytest.fixture
def http(system, first_key):
    with patient_client(system.url) as client:
        client.headers["Authorization"] = f"Bearer {first_key}"
        yield client


@pytest.fixture
def make_key(http):
    def make(*scopes):
        answer = http.post("/keys", json={"name": "a colleague", "scopes": scopes})
        return answer.raise_for_status().json()

    return make


def sign_in(page, key):
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in").click()


def test_a_key_opens_the_door_and_no_script_can_read_what_is_kept(page, first_key):
    sign_in(page, "an_live_nobody_0000")
    expect(page.get_by_text("This key is not known, has expired or was revoked.")).to_be_visible()
    expect(page.get_by_role("navigation")).to_be_hidden()
    sign_in(page, first_key)

    expect(page.locator(".connection[data-state=live]")).to_be_visible()
    expect(page.get_by_role("heading", name="Pipeline", level=1)).to_be_visible()
    assert page.evaluate("document.cookie") == ""
    assert page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])") == "[{},{}]"

    page.reload()
    expect(page.get_by_role("heading", name="Pipeline", level=1)).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_what_a_key_may_not_do_is_closed_and_says_why(page, make_key, http):
    sign_in(page, make_key("read")["key"])
    pause = page.get_by_role("button", name="Pause email")

    expect(pause).to_have_attribute("aria-disabled", "true")
    pause.focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("status").get_by_text("needs the scope “operate”")).to_be_visible()
    expect(page.get_by_role("dialog")).to_be_hidden()
    states = http.get("/pipeline").json()["channels"]
    assert not any(each["is_paused"] for each in states)


def test_who_may_only_send_is_told_that_it_is_accepted_and_what_stays_unseen(open_page, make_key):
    page = open_page("#/send")
    sign_in(page, make_key("send")["key"])
    page.get_by_label("User").fill("user_test")
    page.get_by_label("Message").fill("hello")
    page.get_by_role("button", name="Send it").click()

    outcome = page.get_by_role("region", name="What becomes of it")
    expect(outcome).to_contain_text("It is accepted")
    expect(outcome).to_contain_text("a key with the scope “read”")

    page.get_by_role("link", name="Providers").click()
    expect(page.get_by_text("This needs the scope `read`.")).to_be_visible()
    expect(page.get_by_text("No dispatcher answers")).to_be_hidden()


def test_a_key_is_made_shown_once_replaced_and_revoked(open_page, first_key, system, until):
    page = open_page("#/keys")
    sign_in(page, first_key)
    page.get_by_role("button", name="Create a key…").click()
    form = page.get_by_role("dialog", name="Create a key")
    form.get_by_label("Name").fill("shop")
    form.get_by_label("read: see everything").check()
    form.get_by_label("sms").check()
    form.get_by_role("button", name="Create").click()
    made = shown_key(page)
    row = page.get_by_role("row").filter(has_text="shop")
    expect(row).to_contain_text("active")
    assert status_with(system, made) == 200
    assert made not in page.content()

    row.get_by_role("button", name="Rotate shop").click()
    form = page.get_by_role("dialog", name="Replace the key “shop”?")
    form.get_by_label("The old key works for").select_option("an hour")
    form.get_by_role("button", name="Replace").click()
    second = shown_key(page)
    old = row.filter(has_text="replaced, works until")
    expect(old.get_by_role("button", name="Rotate shop")).to_be_focused()
    assert (status_with(system, made), status_with(system, second)) == (200, 200)

    new = row.filter(has_not_text="replaced")
    new.get_by_role("button", name="Revoke shop").click()
    page.get_by_role("dialog", name="Revoke “shop”?").get_by_role("button", name="Revoke").click()
    expect(row.filter(has_text="revoked")).to_be_visible()
    until(lambda: status_with(system, second) == 401)

    page.get_by_role("navigation").get_by_role("link", name="Activity").click()
    for action in ("create key", "rotate key", "revoke key"):
        entry = page.get_by_role("row").filter(has_text=action).first
        expect(entry).to_contain_text("first key")


def test_a_key_is_shown_though_its_form_was_left_before_the_answer(open_page, first_key, leave):
    page = open_page("#/keys")
    sign_in(page, first_key)
    page.get_by_role("button", name="Create a key…").click()
    form = page.get_by_role("dialog", name="Create a key")
    form.get_by_label("Name").fill("left")
    let_go = leave(page, form, "Create", "**/keys")
    let_go()

    assert shown_key(page).startswith("an_live_")


def test_a_refusal_that_comes_late_does_not_end_the_next_session(page, first_key):
    sign_in(page, first_key)
    expect(page.locator(".connection[data-state=live]")).to_be_visible()
    page.evaluate(ASK)
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, first_key)
    expect(page.get_by_role("heading", name="Pipeline", level=1)).to_be_visible()

    page.evaluate("async () => { refuse(); await refused; }")

    expect(page.locator(".connection[data-state=live]")).to_be_visible()
    expect(page.get_by_role("heading", name="Sign in")).to_be_hidden()


def shown_key(page):
    dialog = page.get_by_role("dialog", name="The new key")
    text = dialog.get_by_role("textbox").input_value()
    dialog.get_by_role("button", name="I have it").click()
    return text


def status_with(system, key):
    headers = {"Authorization": f"Bearer {key}"}
    with patient_client(system.url) as client:
        return client.get("/pipeline", headers=headers).status_code


def test_a_session_ends_with_its_key(page, make_key, http):
    key = make_key("read")
    sign_in(page, key["key"])
    expect(page.get_by_role("heading", name="Pipeline", level=1)).to_be_visible()

    http.delete(f"/keys/{key['prefix']}").raise_for_status()

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
