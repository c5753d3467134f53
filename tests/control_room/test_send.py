"""The form, and what becomes of what it sends."""

import re

import pytest
from notification_contracts.sms_size import sms_size
from playwright.sync_api import expect

pytestmark = pytest.mark.slow


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


def test_the_keyboard_alone_sends(page):
    expect(page.get_by_role("heading", name="Pipeline", level=1)).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("s")
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
