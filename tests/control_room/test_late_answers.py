"""A slow network: answers and modules that come late, or in another order."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow
# Asks for figures twice; the first answer would come after the second.
ASK_TWICE = """async () => {
  const { live } = await import('/room/lib/live.js');
  const { fetch } = window;
  const answers = [];
  live.stop();
  window.fetch = (url, { signal }) => new Promise((answer, refuse) => {
    answers.push((dead) => answer(new Response(JSON.stringify({ ...live.figures, dead }))));
    signal.addEventListener('abort', () => refuse(signal.reason));
  });
  const asked = [live.refresh(), live.refresh()];
  window.fetch = fetch;
  answers[1](7_002);
  await asked[1];
  answers[0](7_001);
  await asked[0];
  return live.figures.dead;
}"""


def test_the_focus_moves_with_the_person_not_with_a_view_that_comes_late(open_page, hold):
    page = open_page("#/users")
    expect(page.get_by_role("heading", name="Users", level=1)).to_be_visible()
    navigation = page.get_by_role("navigation").first
    let_go = hold(page, "**/room/views/activity.js")
    navigation.get_by_role("link", name="Activity").click()
    expect(page.locator("main")).to_be_focused()
    moved_to = navigation.get_by_role("link", name="Keys")
    moved_to.focus()
    let_go()

    expect(page.get_by_role("heading", name="Activity", level=1)).to_be_visible()
    expect(moved_to).to_be_focused()


def test_a_button_of_the_page_is_closed_until_its_module_is_there(open_page, hold):
    page = open_page("#/users", viewport={"width": 360, "height": 740})
    let_go = hold(page, "**/room/main.js")
    page.reload(wait_until="commit")
    button = page.get_by_role("button", name="Screens")
    expect(button).to_be_disabled()
    let_go()
    button.click()

    expect(page.get_by_role("navigation", name="Screens")).to_be_visible()


def test_who_goes_elsewhere_before_the_answer_is_told_there_and_not_led_back(open_page, hold):
    page = open_page("#/send?user_id=user_test&message=hello")
    let_go = hold(page, "**/notifications")
    with page.expect_request("**/notifications"):
        page.get_by_role("button", name="Send it").click()
    page.get_by_role("navigation").get_by_role("link", name="Users").click()
    expect(page.get_by_role("heading", name="Users", level=1)).to_be_visible()
    let_go()

    expect(page.get_by_role("status").get_by_text("It is accepted.")).to_be_visible()
    assert page.url.endswith("#/users")


def test_what_is_told_of_one_user_does_not_come_late_beside_another(open_page, hold):
    page = open_page("#/send")
    let_go = hold(page, "**/users/late/contact-info")
    with page.expect_request("**/users/late/contact-info"):
        page.get_by_label("User").fill("late")
    page.get_by_label("User").fill("user_test")
    expect(page.locator(".send-form")).to_contain_text("prefers email")
    with page.expect_response("**/users/late/contact-info") as answer:
        let_go()
    answer.value.finished()
    page.evaluate("new Promise(requestAnimationFrame)")

    assert "prefers email" in page.locator(".send-form").inner_text()


def test_what_happens_before_the_stream_is_open_is_in_the_list(open_page, send_later, hold):
    page = open_page("#/notifications")
    let_go = hold(page, "**/events")
    page.reload()
    expect(page.locator(".list-foot, .state.empty").first).to_be_visible()
    expect(page.locator(".state.loading")).to_have_count(0)
    missed = send_later()
    let_go()

    expect(page.locator(f".notification[data-id='{missed}']")).to_be_visible()


def test_an_older_answer_that_comes_later_does_not_undo_the_newer_one(page):
    expect(page.locator(".connection[data-state=live]")).to_be_visible()

    assert page.evaluate(ASK_TWICE) == 7_002


def test_a_stream_that_opens_late_takes_no_focus(open_page, http, hold):
    made = http.post("/keys", json={"name": "long here", "scopes": ["read"]})
    assert made.status_code == 201
    page = open_page("#/keys")
    let_go = hold(page, "**/events")
    page.reload()
    page.get_by_role("button", name="Rotate long here").focus()
    focused = page.evaluate_handle("document.activeElement")
    let_go()
    expect(page.locator(".connection[data-state=live]")).to_be_visible()
    expect(page.locator("main [aria-busy]")).to_have_count(0)

    assert page.evaluate("focused => focused === document.activeElement", focused)


def test_what_was_saved_is_shown_though_its_form_was_left_before_the_answer(open_page, http, leave):
    http.put("/users/saved late", json={"sms": "+49170111"}).raise_for_status()
    page = open_page("#/users/saved%20late")
    page.get_by_role("button", name="Change…").click()
    form = page.get_by_role("dialog", name="Change saved late")
    form.get_by_label("sms").fill("+49170222")
    let_go = leave(page, form, "Save", "**/users/saved%20late")
    let_go()

    expect(page.get_by_text("+49170222")).to_be_visible()
