"""What was given up, and the way back; what reached nobody, as the person would have seen it."""

import re
import socket
import time

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

BROKEN = {"email": "fail-permanent@sim.example", "sms": "+15005550002", "push": "sim-gone"}
WORKS = {"email": "ada@example.com", "sms": "+12025550101", "push": "phone-of-ada"}


@pytest.fixture
def put_user(http):
    def put(name, contact):
        stored = http.put(f"/users/{name}", json={**contact, "preferred_channel": "email"})
        assert stored.is_success, stored.text

    return put


@pytest.fixture
def send(http):
    def send_one(user, **fields):
        asked = {"user_id": user, "message": "hello", **fields}
        accepted = http.post("/notifications", json=asked)
        assert accepted.status_code == 202, accepted.text
        return accepted.json()["trace_id"]

    return send_one


@pytest.fixture
def status_of(http):
    return lambda trace_id: http.get(f"/notifications/{trace_id}").json()["status"]


@pytest.fixture
def give_up(put_user, send, status_of):
    """Give so many notifications to a user up, on one channel; return their trace ids."""

    def make(user, channel, count):
        put_user(user, BROKEN)
        ids = [send(user, channel=channel, message=f"number {at}") for at in range(count)]
        deadline = time.monotonic() + 60
        while any(status_of(each) != "failed" for each in ids):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return ids

    return make


def rows(page):
    return page.get_by_role("region", name="Dead letters", exact=True).locator("tbody tr")


def test_a_broken_provider_shows_and_once_it_is_mended_the_letter_is_replayed(
    open_page, put_user, send
):
    page = open_page("#/dead-letters")
    expect(page.get_by_role("heading", name="No dead letters")).to_be_visible()
    put_user("shows", BROKEN)
    trace_id = send("shows", channel="email", message="is it there?")

    expect(rows(page)).to_have_count(1)
    page.get_by_role("button", name="Inspect").click()
    dialog = page.get_by_role("dialog", name="A dead letter")
    expect(dialog).to_contain_text("simulated: refused for good")
    expect(dialog).to_contain_text("is it there?")
    assert f"inspect={trace_id}" in page.url
    put_user("shows", WORKS)
    dialog.get_by_role("button", name="Replay").click()
    sure = page.get_by_role("dialog", name="Replay this dead letter?")
    sure.get_by_role("button", name="Replay").click()

    expect(dialog).to_be_hidden()
    expect(page.get_by_role("heading", name="No dead letters")).to_be_visible()
    assert "inspect" not in page.url
    page.get_by_role("link", name="Outbox").click()
    expect(page.locator(".outbox-stage")).to_contain_text("is it there?")


def test_a_number_leads_to_the_letters_behind_it(open_page, give_up):
    give_up("counted", "sms", 2)
    give_up("counted", "email", 3)
    page = open_page("#/dead-letters")
    table = page.get_by_role("region", name="Dead letters by reason and channel")
    expect(table.locator("tbody tr").last).to_contain_text("5")

    table.get_by_role("link", name="2", exact=True).first.click()

    expect(rows(page)).to_have_count(2)
    assert "reason=provider_rejected" in page.url
    assert "channel=sms" in page.url
    page.get_by_label("Channel", exact=True).select_option("email")
    expect(rows(page)).to_have_count(3)
    page.get_by_label("Channel", exact=True).select_option("push")
    expect(page.get_by_role("heading", name="None passes these filters")).to_be_visible()
    page.get_by_role("button", name="Clear filters").first.click()
    expect(rows(page)).to_have_count(5)


def test_all_that_match_are_replayed_after_a_dry_run_said_how_many(
    open_page, give_up, status_of, put_user
):
    ids = give_up("replayed", "sms", 3)
    page = open_page("#/dead-letters?channel=sms")
    put_user("replayed", WORKS)
    put_user("counted", WORKS)
    page.get_by_role("button", name="Replay all that match").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("This was a dry run; nothing has been changed.")
    total = int(re.search(r"(\d+) dead", dialog.inner_text())[1])
    assert total >= len(ids)
    assert all(status_of(each) == "failed" for each in ids)

    dialog.get_by_role("button", name=f"Replay {total}").click()

    replay = page.get_by_role("region", name="Replay")
    expect(replay).to_contain_text(f"Done: {total} of {total} queued again.")
    expect(page.get_by_role("heading", name="None passes these filters")).to_be_visible()
    assert all(status_of(each) != "failed" for each in ids)
    replay.get_by_role("button", name="Dismiss").click()
    expect(replay).to_be_hidden()


def test_a_replay_is_stopped_midway_and_the_rest_stays(open_page, give_up, status_of, put_user):
    ids = give_up("stopped", "push", 60)
    page = open_page("#/dead-letters?channel=push")
    put_user("stopped", WORKS)
    page.get_by_role("button", name="Replay all that match").click()
    page.get_by_label("How fast").select_option("1")
    page.get_by_role("dialog").get_by_role("button", name="Replay 60").click()
    replay = page.get_by_role("region", name="Replay")
    expect(replay).to_contain_text(re.compile(r"[1-9]\d* of 60 queued again"))

    replay.get_by_role("button", name="Stop").click()

    expect(replay).to_contain_text("The rest are dead letters as before.")
    replayed = int(re.search(r"(\d+) of 60", replay.inner_text())[1])
    assert 0 < replayed < 60
    left = [each for each in ids if status_of(each) == "failed"]
    assert len(left) == 60 - replayed


def test_a_letter_is_deleted_once_that_is_confirmed(open_page, give_up, http):
    (trace_id,) = give_up("deleted", "email", 1)
    page = open_page("#/dead-letters?channel=email")
    delete = rows(page).filter(has_text="deleted").get_by_role("button", name="Delete")
    delete.click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert http.get(f"/dead-letters/{trace_id}").status_code == 200

    delete.click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()

    expect(delete).to_have_count(0)
    assert http.get(f"/dead-letters/{trace_id}").status_code == 404


def test_the_outbox_shows_each_message_as_the_person_would_have_seen_it(open_page, put_user, send):
    more = {"webhook": "https://shop.example/hook", "chat": "#operations"}
    put_user("reads", {**WORKS, **more})
    page = open_page("#/outbox")
    send("reads", channel="webhook", message="by webhook", data={"order": 7})
    send("reads", channel="chat", message="by chat")
    send("reads", channel="push", subject="A parcel", message="by push", data={"order": 8})
    send("reads", channel="sms", message="é" * 161)
    html = "<h1>Bought</h1><script>document.title = 'taken over'</script>"
    send("reads", channel="email", subject="Thanks", message="bought", html=html)

    stage = page.locator(".outbox-stage")
    entry = page.get_by_role("list", name="Messages").get_by_role("link")
    entry.filter(has_text="Thanks").click()
    frame = page.frame_locator(".message-frame")
    expect(frame.get_by_role("heading", name="Bought")).to_be_visible()
    assert "taken over" not in page.title()
    entry.filter(has_text="ééé").click()
    expect(stage).to_contain_text("2 SMS, joined by the phone · 161 characters")
    entry.filter(has_text="A parcel").click()
    expect(stage.locator(".push-card")).to_contain_text("by push")
    expect(stage).to_contain_text('"order": 8')
    entry.filter(has_text="by chat").click()
    expect(stage.locator(".chat-message")).to_contain_text("by chat")
    entry.filter(has_text="by webhook").click()
    expect(stage).to_contain_text("POST https://shop.example/hook")
    expect(stage).to_contain_text('"order": 7')

    page.reload()
    expect(stage).to_contain_text('"order": 7')
    page.get_by_label("Channel", exact=True).select_option("sms")
    expect(entry.filter(has_text="by webhook")).to_have_count(0)
    expect(stage).to_contain_text("2 SMS")
    page.get_by_role("link", name="See the notification").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("To reads")


def test_while_the_server_is_away_no_messages_stand_under_a_channel_that_they_are_not_of(
    open_page, put_user, send
):
    put_user("waits", WORKS)
    page = open_page("#/outbox")
    send("waits", channel="push", message="not by chat")
    entry = page.get_by_role("list", name="Messages").get_by_role("link")
    expect(entry.filter(has_text="not by chat")).to_be_visible()
    page.route("**/outbox?**", lambda route: route.abort())
    page.get_by_label("Channel", exact=True).select_option("chat")

    expect(page.get_by_role("heading", name="The server is away")).to_be_visible()
    expect(entry).to_have_count(0)


def test_a_message_that_is_looked_at_tells_its_sender_nothing(open_page, put_user, send):
    put_user("is watched", WORKS)
    with socket.create_server(("127.0.0.1", 0)) as sender:
        url = f"http://127.0.0.1:{sender.getsockname()[1]}"
        html = (
            f'<link rel="preconnect" href="{url}"><link rel="dns-prefetch" href="{url}">'
            f"<iframe srcdoc='<link rel=preconnect href={url}>'></iframe>"
            f'<p>Bought</p><a id="out" href="{url}/out" ping="{url}/ping">see it</a>'
        )
        send("is watched", channel="email", subject="Tracked", message="bought", html=html)
        page = open_page("#/outbox")
        page.get_by_role("link").filter(has_text="Tracked").click()
        frame = page.frame_locator(".message-frame")
        frame.locator("#out").click()

        expect(frame.locator("#out")).to_have_attribute("title", f"{url}/out")
        expect(frame.get_by_text("Bought")).to_be_visible()
        expect(frame.locator("body link, iframe, [href*='127.0.0.1'], [ping]")).to_have_count(0)
        sender.setblocking(False)
        with pytest.raises(BlockingIOError):
            sender.accept()


def test_nothing_serious_stands_in_the_way_of_a_screen_reader(open_page, give_up):
    (trace_id,) = give_up("read-aloud", "email", 1)
    page = open_page(f"#/dead-letters?inspect={trace_id}")
    expect(page.locator(".verdict")).to_be_visible()
    found = Axe().run(page).response["violations"]
    assert not [each for each in found if each["impact"] in {"serious", "critical"}]
