"""The form, what becomes of what it sends, and one notification."""

import json
import re
import subprocess

import pytest
from axe_playwright_python.sync_playwright import Axe
from notification_contracts.sms_size import sms_size
from playwright.sync_api import expect

pytestmark = pytest.mark.slow


@pytest.fixture
def dead(http, send):
    """Return the trace id of a dead letter."""
    http.put("/users/refused", json={"email": "fail-permanent@sim.example"})
    return send(
        user_id="refused",
        subject="Thank you",
        html="<h2 style='color: red'>Bought</h2><script>document.title = 'run'</script>",
    )


def test_what_the_form_sends_is_watched_until_it_is_sent(open_page, http):
    page = open_page("#/send")
    page.get_by_label("User").fill("user_test")
    expect(page.locator(".send-form")).to_contain_text("prefers email")
    page.get_by_label("Subject").fill("Thank you")
    page.get_by_label("Message").fill("your purchase was completed successfully")
    page.get_by_text("HTML, data, labels, times").click()
    page.get_by_label("HTML, for e-mail").fill("<p style='color: red'>Bought</p>")
    expect(page.frame_locator(".message-frame").get_by_text("Bought")).to_be_visible()
    page.get_by_label("Data for an app").fill('{"order": 7}')
    page.get_by_label("Tags").fill("orders eu")
    page.get_by_label("Reference").fill("order-7")
    page.get_by_label("Idempotency key").fill("once")

    page.get_by_role("button", name="Send it").click()

    outcome = page.get_by_role("region", name="What becomes of it")
    expect(outcome).to_contain_text("It was sent: fake took it on email")
    expect(outcome.locator(".entries > li")).to_contain_text(
        ["queued", "validated", "sending", "sent"]
    )
    trace_id = re.search(r"sent=([0-9a-f-]{36})", page.url)[1]
    record = http.get(f"/notifications/{trace_id}").json()
    assert (record["tags"], record["reference"]) == (["orders", "eu"], "order-7")
    with page.expect_response("**/notifications") as again:
        page.get_by_role("button", name="Send it").click()
    assert again.value.headers["idempotent-replayed"] == "true"
    assert len(http.get("/notifications?reference=order-7").json()["items"]) == 1


def test_what_the_server_refuses_stands_beside_its_field(open_page):
    page = open_page("#/send?message=hello&channel=sms")
    page.get_by_label("User").fill("ada")
    page.get_by_label("Message").fill("ü" * 1700)
    page.get_by_text("HTML, data, labels, times").click()
    page.get_by_label("Tags").fill("good b@d")
    page.get_by_role("button", name="Send it").click()

    expect(page.locator("#send-tags-error")).not_to_be_empty()
    expect(page.get_by_label("Tags")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Tags").fill("good")
    expect(page.locator("#send-tags-error")).to_be_empty()
    page.get_by_role("button", name="Send it").click()
    expect(page.locator("#send-message-error")).to_contain_text("at most 1600 characters")


def test_data_that_is_no_json_is_refused_before_anything_is_sent(open_page):
    page = open_page("#/send?user_id=user_test&message=hello")
    page.get_by_text("HTML, data, labels, times").click()
    page.get_by_label("Data for an app").fill("{order: 7}")
    page.get_by_role("button", name="Send it").click()

    expect(page.locator("#send-data-error")).to_contain_text("is not JSON")
    expect(page.get_by_label("Data for an app")).to_be_focused()
    assert "sent=" not in page.url


def test_the_form_counts_characters_and_sms_segments_as_the_server_does(open_page):
    page = open_page("#/send")

    for text in ["hello", "[" * 81, "ж" * 71, "😀" * 36, "a" * 152 + "€" + "b" * 160]:
        page.get_by_label("Message").fill(text)
        told = f"{len(text)} of 10,000 characters; as an SMS {sms_size(text)}"
        expect(page.locator("#send-message-help")).to_have_text(told)


def test_what_would_become_of_it_is_told_before_it_is_sent(open_page, http):
    page = open_page("#/send")
    foreseen = page.locator(".foresight")
    page.get_by_label("User").fill("nobody-at-all")
    page.get_by_label("Message").fill("hello")
    expect(foreseen).to_contain_text("there is no user with the id nobody-at-all")

    page.get_by_label("User").fill("user_test")
    expect(foreseen).to_contain_text("It would be sent on email by fake")
    page.get_by_label("Channel").select_option("sms")
    expect(foreseen).to_contain_text("It would be sent on sms by fake")
    assert http.get("/notifications?user_id=nobody-at-all").json()["items"] == []


def test_what_is_sent_again_since_the_answer_was_lost_goes_once(open_page, http):
    page = open_page("#/send?user_id=user_test&message=hello&reference=lost-answer")

    def lose_the_answer(route):
        route.fetch()
        route.abort()

    page.route("**/notifications", lose_the_answer, times=1)
    page.get_by_role("button", name="Send it").click()
    expect(page.locator(".form-error")).to_contain_text("Send it again: it goes once.")
    page.get_by_role("button", name="Send it").click()

    outcome = page.get_by_role("region", name="What becomes of it")
    expect(outcome).to_contain_text("It was sent")
    assert len(http.get("/notifications?reference=lost-answer").json()["items"]) == 1


def test_the_keyboard_alone_sends(page, shortcut):
    expect(page.get_by_role("heading", name="Pipeline", level=1)).to_be_visible()
    shortcut(page, "gs")
    expect(page.get_by_label("User")).to_be_focused()
    page.keyboard.type("user_test")
    for _ in range(4):
        page.keyboard.press("Tab")
    page.keyboard.type("hello")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    outcome = page.get_by_role("region", name="What becomes of it")
    expect(outcome).to_contain_text("It was sent")


def test_one_like_an_earlier_one_begins_with_what_that_had(open_page, http):
    http.put("/users/refused", json={"email": "fail-permanent@sim.example"})
    asked = {"user_id": "refused", "message": "hello", "html": "<p>hello</p>", "tags": ["a", "b"]}
    trace_id = http.post("/notifications", json=asked).json()["trace_id"]
    page = open_page(f"#/notifications/{trace_id}")
    expect(page.locator(".verdict")).to_contain_text("It was not sent")
    page.get_by_role("button", name="Send one like it").click()

    expect(page.get_by_label("Message")).to_have_value("hello")
    expect(page.get_by_label("HTML, for e-mail")).to_have_value("<p>hello</p>")
    expect(page.get_by_label("Tags")).to_have_value("a b")


def test_a_dead_letter_is_explained_shown_and_replayed(open_page, http, dead):
    page = open_page(f"#/notifications/{dead}")

    expect(page.locator(".verdict")).to_contain_text("the provider refused it")
    expect(page.locator(".verdict")).to_contain_text("“simulated: refused for good”")
    expect(page.locator(".entries > li").last).to_contain_text("failed")
    attempt = page.locator(".drawing rect.attempt")
    expect(attempt).to_have_attribute("data-tone", "bad")
    message = page.frame_locator(".message-frame")
    expect(message.get_by_role("heading", name="Bought")).to_have_css("color", "rgb(255, 0, 0)")
    assert "run" not in page.title()
    expect(page.locator(".command")).to_contain_text('"subject": "Thank you"')

    http.put("/users/refused", json={"email": "ok@sim.example"})
    page.get_by_role("button", name="Replay it").click()
    page.get_by_role("dialog").get_by_role("button", name="Replay", exact=True).click()

    expect(page.locator(".verdict")).to_contain_text("It was sent: fake took it on email")
    expect(page.get_by_role("button", name="Replay it")).to_have_count(0)


def test_what_a_fake_took_is_shown_from_the_outbox(open_page, send):
    trace_id = send(message="as the person got it")
    page = open_page(f"#/notifications/{trace_id}")

    expect(page.locator(".message-text")).to_have_text("as the person got it")
    expect(page.locator(".command")).to_contain_text('"message": "as the person got it"')


def test_what_waits_is_cancelled_after_a_question(open_page, http, send_later):
    trace_id = send_later()
    page = open_page(f"#/notifications/{trace_id}")
    expect(page.locator(".verdict")).to_contain_text("It waits for its time, in 2 days")

    page.get_by_role("button", name="Cancel it").click()
    page.keyboard.press("Escape")
    assert http.get(f"/notifications/{trace_id}").json()["status"] == "scheduled"
    page.get_by_role("button", name="Cancel it").click()
    page.get_by_role("button", name="Cancel the notification").click()

    expect(page.locator(".verdict")).to_contain_text("It was cancelled")
    assert http.get(f"/notifications/{trace_id}").json()["status"] == "cancelled"


def test_the_command_that_repeats_it_does(open_page, http, send_later):
    trace_id = send_later(message="it's here", reference="repeat-me")
    page = open_page(f"#/notifications/{trace_id}")

    command = page.locator(".command").inner_text()
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=True)

    assert json.loads(done.stdout)["trace_id"] != trace_id
    assert len(http.get("/notifications?reference=repeat-me").json()["items"]) == 2


def test_an_unknown_notification_says_so(open_page):
    page = open_page("#/notifications/019c0f5e-8a3c-7b1e-9a57-3f0c2d1e4b5a")

    expect(page.get_by_role("heading", name="No notification has this trace id")).to_be_visible()


def test_nothing_serious_stands_in_the_way_of_a_screen_reader(open_page, dead):
    page = open_page(f"#/notifications/{dead}")
    expect(page.locator(".command")).to_be_visible()

    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        assert not [each for each in found if each["impact"] in {"serious", "critical"}]
