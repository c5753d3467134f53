"""The list of notifications."""

import json
import re
from pathlib import Path

import pytest
from notification_contracts.states import Reason
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

ROWS = 10_000
LONGEST_TASK_MS = 100
# Goes through the list as a reader does; returns how many rows exist.
SCROLL = """async () => {
  const frame = () => new Promise(requestAnimationFrame);
  const height = document.querySelector(".virtual-list").offsetHeight;
  for (let part = 0; part <= 20; part += 1) {
    scrollTo(0, (height * part) / 20);
    await frame();
  }
  scrollTo(0, 0);
  await frame();
  return document.querySelectorAll(".notification").length;
}"""
# Puts changes where the stream puts them.
EMIT = """async ([count, batch]) => {
  const { live } = await import("./room/lib/live.js");
  const hex = (number) => number.toString(16).padStart(12, "0");
  const at = new Date().toISOString();
  for (let first = 0; first < count; first += batch) {
    live.emit("events", Array.from({ length: batch }, (_, number) => {
      const made = hex(Date.now());
      const id = `${made.slice(0, 8)}-${made.slice(8)}-7000-8000-${hex(first + number)}`;
      return { trace_id: id, user_id: "ada", channel: "sms", status: "queued", reason: null, at };
    }));
    await new Promise(requestAnimationFrame);
  }
}"""

CHANGE = """async ([trace_id, status]) => {
  const { live } = await import("./room/lib/live.js");
  const of = { trace_id, user_id: "user_test", channel: "email", reason: null };
  live.emit("events", [{ ...of, status, at: new Date().toISOString() }]);
}"""

RECONNECT = """async () => {
  const { live } = await import("./room/lib/live.js");
  live.stop();
  live.start();
}"""


def row(page, trace_id):
    return page.locator(f".notification[data-id='{trace_id}']")


def test_what_happens_appears_in_the_list_by_itself(open_page, send_later, http):
    page = open_page("#/notifications")
    expect(page.locator(".connection")).to_have_attribute("data-state", "live")

    trace_id = send_later(tags=["orders"], reference="order-7")
    expect(row(page, trace_id)).to_contain_text("scheduled")
    expect(row(page, trace_id)).to_contain_text("orders · #order-7")
    http.delete(f"/notifications/{trace_id}")

    expect(row(page, trace_id)).to_contain_text("cancelled")


def test_a_paused_list_stands_still_and_counts_what_is_new(open_page, send_later, http):
    first = send_later()
    page = open_page("#/notifications")
    expect(row(page, first)).to_contain_text("scheduled")
    expect(page.locator(".connection")).to_have_attribute("data-state", "live")

    page.get_by_role("button", name="Pause").click()
    second, third = send_later(), send_later()
    http.delete(f"/notifications/{first}")
    expect(page.get_by_role("button", name="2 new")).to_be_visible()
    expect(row(page, first)).to_contain_text("scheduled")
    page.get_by_role("button", name="2 new").click()

    expect(row(page, second)).to_be_visible()
    expect(row(page, third)).to_be_visible()
    expect(row(page, first)).to_contain_text("cancelled")
    expect(page.get_by_role("button", name="Pause")).to_have_attribute("aria-pressed", "false")


def test_a_list_that_is_paused_for_long_counts_so_far_and_then_begins_anew(open_page, send_later):
    known = send_later()
    page = open_page("#/notifications")
    expect(row(page, known)).to_be_visible()

    page.get_by_role("button", name="Pause").click()
    page.evaluate(EMIT, [6_000, 6_000])
    page.get_by_role("button", name="5,000+ new").click()

    expect(row(page, known)).to_be_visible()
    expect(page.locator(".notification[data-id$='-000000000000']")).to_have_count(0)


def test_a_list_that_has_grown_too_long_begins_anew_with_one_call(open_page, send_later):
    known = send_later()
    page = open_page("#/users")
    expect(page.locator(".connection")).to_have_attribute("data-state", "live")
    page.evaluate("location.hash = '#/notifications'")  # asks once: what happens is heard already
    expect(row(page, known)).to_be_visible()
    asked = []

    def hold(route):
        asked.append(route)

    page.route("**/notifications?limit=100", hold)
    for count in (20_001, 10, 10):
        page.evaluate(EMIT, [count, count])
    expect(row(page, known)).to_have_count(0)
    [newest] = asked
    newest.continue_()

    expect(row(page, known)).to_be_visible()


def test_a_paused_list_stands_still_when_changes_were_missed_and_has_them_afterwards(
    open_page, send_later
):
    known = send_later()
    page = open_page("#/notifications")
    expect(row(page, known)).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    page.route("**/events", lambda route: route.abort())
    page.evaluate(RECONNECT)
    expect(page.locator(".connection")).to_have_attribute("data-state", "polling")
    missed = send_later()

    with page.expect_response("**/notifications?**"):
        page.unroute("**/events")
        expect(page.locator(".connection")).to_have_attribute("data-state", "live")
    page.evaluate("new Promise(requestAnimationFrame)")
    expect(row(page, missed)).to_have_count(0)
    page.get_by_role("button", name="Resume").click()

    expect(row(page, missed)).to_be_visible()


def test_what_came_during_a_pause_does_not_undo_what_came_after_it(open_page, send_later):
    sent = [send_later() for _ in range(20)]
    page = open_page("#/users", viewport={"width": 1000, "height": 400})
    expect(page.locator(".connection")).to_have_attribute("data-state", "live")
    page.evaluate("location.hash = '#/notifications'")  # asks once, as above
    seen = row(page, sent[-1])
    expect(seen).to_contain_text("scheduled")
    page.get_by_role("button", name="Pause").click()
    page.evaluate(CHANGE, [sent[-1], "sending"])
    page.evaluate("scrollTo(0, 20)")
    page.get_by_role("button", name="Resume").click()
    expect(seen).to_contain_text("sending")
    page.evaluate(CHANGE, [sent[-1], "retrying"])
    page.evaluate("scrollTo(0, 0)")
    page.evaluate("new Promise(requestAnimationFrame)")

    expect(seen).to_contain_text("retrying")


def test_filters_are_in_the_url_and_a_link_opens_the_same_list(open_page, send_later):
    found = send_later(channel="sms", tags=["billing"], reference="a 1")
    other = send_later(channel="sms")
    page = open_page("#/notifications")
    expect(row(page, other)).to_be_visible()

    page.get_by_label("Status", exact=True).select_option("scheduled")
    page.get_by_label("Channel").select_option("sms")
    page.get_by_label("Tag").fill("billing")
    page.get_by_label("Reference").fill("a 1")
    page.keyboard.press("Enter")
    page.get_by_label("Time of the last change").select_option("1h")
    expect(row(page, other)).to_have_count(0)
    expect(row(page, found)).to_be_visible()

    hash_ = page.evaluate("location.hash")
    assert hash_ == (
        "#/notifications?status=scheduled&channel=sms&tag=billing&reference=a+1&last=1h"
    )
    again = open_page(hash_)
    expect(row(again, found)).to_be_visible()
    expect(row(again, other)).to_have_count(0)
    expect(again.get_by_label("Reference")).to_have_value("a 1")
    again.get_by_role("button", name="Clear filters").click()
    expect(row(again, other)).to_be_visible()


def test_while_the_server_is_away_no_rows_stand_under_filters_that_they_were_not_asked_for(
    open_page, send_later
):
    trace_id = send_later()
    page = open_page("#/notifications")
    expect(row(page, trace_id)).to_be_visible()

    page.route("**/notifications?**", lambda route: route.abort())
    page.get_by_label("Status", exact=True).select_option("scheduled")
    expect(page.get_by_role("heading", name="The server is away")).to_be_visible()
    expect(row(page, trace_id)).to_be_hidden()
    page.unroute("**/notifications?**")

    expect(row(page, trace_id)).to_be_visible()


def test_what_no_longer_passes_the_filter_leaves_the_list(open_page, send_later, http):
    page = open_page("#/notifications?status=scheduled&user_id=user_test")
    expect(page.locator(".connection")).to_have_attribute("data-state", "live")
    stays, goes = send_later(), send_later()
    expect(row(page, goes)).to_be_visible()
    http.delete(f"/notifications/{goes}")

    expect(row(page, goes)).to_have_count(0)
    expect(row(page, stays)).to_be_visible()


def test_the_keyboard_alone_goes_through_the_list_opens_one_and_comes_back(open_page, send_later):
    older, newer = send_later(), send_later()
    page = open_page("#/notifications?status=scheduled")
    expect(row(page, newer)).to_be_visible()

    page.keyboard.press("j")
    expect(row(page, newer).get_by_role("link")).to_be_focused()
    page.keyboard.press("j")
    expect(row(page, older).get_by_role("link")).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="To user_test")).to_be_visible()
    assert page.url.endswith(f"#/notifications/{older}")
    page.go_back()
    expect(row(page, older)).to_be_visible()


def test_an_empty_list_says_so_and_offers_the_way_out(open_page):
    page = open_page("#/notifications?user_id=never-heard-of")

    expect(page.get_by_role("heading", name="None passes these filters")).to_be_visible()


def test_ten_thousand_rows_cause_no_long_task(browser, open_page):
    page = open_page("#/notifications")
    expect(page.locator(".connection")).to_have_attribute("data-state", "live")
    expect(page.locator(".list-foot, .state.empty").first).to_be_visible()
    expect(page.locator(".state.loading")).to_have_count(0)

    browser.start_tracing(page=page, categories=["toplevel"])
    page.evaluate(EMIT, [ROWS, 500])
    elements = page.evaluate(SCROLL)
    tasks = processor_ms_of_tasks(json.loads(browser.stop_tracing())["traceEvents"])

    expect(page.locator(".list-foot")).to_contain_text(re.compile(r"1\d,\d{3}"))
    assert 0 < elements < 100
    assert len(tasks) > 40  # a frame for each batch and each step, at least
    assert max(tasks) <= LONGEST_TASK_MS


def processor_ms_of_tasks(events):
    """Return how long each of the page's tasks kept its thread busy: not how long it waited for a
    processor that others had.
    """
    threads = {
        (each["pid"], each["tid"])
        for each in events
        if each["name"] == "thread_name" and each["args"]["name"] == "CrRendererMain"
    }
    return [
        each["tdur"] / 1000
        for each in events
        if each["name"].endswith("RunTask") and (each["pid"], each["tid"]) in threads
        if "tdur" in each
    ]


def test_the_page_knows_every_reason():
    script = (
        Path(__file__).parents[2] / "gateway/src/gateway/pages/room/views/notifications/filters.js"
    )
    listed = script.read_text().partition("REASONS = [")[2].partition("]")[0]

    assert re.findall(r'"(\w+)"', listed) == [reason.value for reason in Reason]
