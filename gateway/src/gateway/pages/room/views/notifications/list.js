// The list: what is there, what comes, which of it, and the way to each.

import { fill, h, set, setText } from "../../lib/dom.js";
import { go, link, setQuery } from "../../lib/router.js";
import { setTime, timeElement } from "../../lib/time.js";
import { setBadge, statusBadge, words } from "../../ui/badge.js";
import { countText } from "../../ui/head.js";
import { icon } from "../../ui/icons.js";
import { pageHead } from "../../ui/page.js";
import { away, empty, failed, loading } from "../../ui/states.js";
import { VirtualList } from "../../ui/virtual_list.js";
import { clearFilters, countOf, filterBar, filtersOf, isTraceId } from "./filters.js";
import { NotificationStore } from "./store.js";

const TEXT = "Newest first, as they change. Keys j and k go through the list, Enter opens one.";
const HEADS = ["Status", "User", "Channel", "Labels", "Created", "Trace id"];

export function openList(params, outlet) {
  const store = new NotificationStore();
  const list = new VirtualList({ label: "Notifications", key: (row) => row.trace_id, make, update, onEnd: () => store.more() });
  const filters = filterBar();
  const pause = pauseButton();
  const news = h("button.news.primary", { type: "button", hidden: true, onclick: showNews });
  const state = h("div.list-state");
  const foot = h("p.list-foot.muted", { role: "status" });
  const heads = h("div.list-heads", { "aria-hidden": true }, HEADS.map((name) => h("span", name)));
  const panel = h("div.list-panel", heads, list.element);
  let { query } = params;
  let active = null;

  outlet.append(
    pageHead("Notifications", { text: TEXT, tools: [search(), pause.element] }),
    filters.element,
    h("div", h("div.news-place", { "aria-live": "polite" }, news), state, panel, foot),
  );

  // What is read must not move: new rows wait while the reader has scrolled down.
  const settle = () => store.hold(pause.isPaused ? "all" : scrollY > 4 ? "new" : "");

  function draw() {
    const { rows, state: now } = store;
    const hasRows = rows.length > 0 && now !== "failed";
    panel.hidden = !hasRows;
    list.show(rows);
    setState(hasRows ? null : now);
    const count = store.newCount;
    news.hidden = count === 0;
    setText(news, `${countText(count)}${store.isOverfull ? "+" : ""} new`);
    setText(foot, footText(store));
  }

  function setState(now) {
    const key = now && `${now} ${countOf(query)}`;
    if (state.dataset.key === String(key)) return;
    state.dataset.key = key;
    fill(state, now && stateElement(now));
  }

  function stateElement(now) {
    const again = () => store.open(filtersOf(query));
    if (now === "loading") return loading("Loading notifications");
    if (now === "away") return away(store.problem, again);
    if (now === "failed") return failed(store.problem, again);
    return nothing(countOf(query) > 0);
  }

  function showNews() {
    pause.set(false);
    store.flush();
    scrollTo(0, 0);
  }

  function pauseButton() {
    const element = h("button", { type: "button", onclick: () => set(!handle.isPaused) });
    const handle = { element, set, isPaused: false };
    function set(isPaused) {
      handle.isPaused = isPaused;
      element.setAttribute("aria-pressed", String(isPaused));
      fill(element, icon(isPaused ? "resume" : "paused"), isPaused ? "Resume" : "Pause");
      element.title = isPaused ? "Let changes into the list again" : "Hold the list still while you read";
      if (list) settle();
    }
    element.setAttribute("aria-pressed", "false");
    fill(element, icon("paused"), "Pause");
    return handle;
  }

  function move(by) {
    const at = store.rows.findIndex((row) => row.trace_id === active);
    const next = Math.min(Math.max(at + by, 0), store.rows.length - 1);
    if (next < 0) return;
    active = store.rows[next].trace_id;
    list.focus(next);
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest?.("input, textarea, select")) return;
    const steps = { j: 1, k: -1, ArrowDown: 1, ArrowUp: -1 };
    const isInList = list.element.contains(event.target);
    if (event.key in steps && (isInList || event.key.length === 1)) {
      event.preventDefault();
      move(steps[event.key]);
    } else if (event.key === "Enter" && active && event.target === document.body) {
      go(["notifications", active]);
    }
  }

  list.element.addEventListener("focusin", ({ target }) => (active = target.closest(".notification")?.dataset.id ?? active));
  addEventListener("keydown", onKey);
  addEventListener("scroll", settle, { passive: true });
  store.on("change", draw);
  filters.show(query);
  store.open(filtersOf(query));

  return {
    change(next) {
      ({ query } = next);
      filters.show(query);
      scrollTo(0, 0);
      store.open(filtersOf(query));
    },
    close() {
      removeEventListener("keydown", onKey);
      removeEventListener("scroll", settle);
      list.close();
      store.close();
    },
  };
}

function make() {
  const parts = ["user", "channel", "labels"].map((name) => h(`span.cell.${name}`));
  const status = h("span.cell.status", statusBadge("queued"), h("span.reason"));
  const created = h("span.cell.created", timeElement(new Date().toISOString()));
  return h("div.notification", { role: "listitem" }, h("a", status, ...parts, created, h("code.cell.trace")));
}

function update(element, row) {
  const anchor = element.firstElementChild;
  const [status, user, channel, labels, created, trace] = anchor.children;
  if (element.dataset.id !== row.trace_id) {
    element.dataset.id = row.trace_id;
    set(anchor, { href: link(["notifications", row.trace_id]) });
    setText(trace, `…${row.trace_id.slice(-8)}`);
  }
  setBadge(status.firstElementChild, row.status);
  setText(status.lastElementChild, row.reason ? words(row.reason) : "");
  setText(user, row.user_id ?? "–");
  setText(channel, row.channel ?? "–");
  setText(labels, [...(row.is_test ? ["test"] : []), ...row.tags, ...(row.reference ? [`#${row.reference}`] : [])].join(" · "));
  if (created.firstElementChild.dateTime !== row.created_at) setTime(created.firstElementChild, row.created_at);
}

function nothing(isFiltered) {
  const clear = h("button", { type: "button", onclick: clearFilters }, "Clear filters");
  return isFiltered
    ? empty({ title: "None passes these filters", text: "What changes and passes them will appear here.", action: clear })
    : empty({ title: "Nothing has been sent yet", text: "Notifications appear here the moment they are accepted.", action: h("a.button.primary", { href: link("send") }, "Send one") });
}

function footText({ rows, isComplete, state }) {
  if (!rows.length || state !== "ready") return "";
  return isComplete ? `${countText(rows.length)} shown, that is all` : `${countText(rows.length)} loaded; older ones follow as you scroll`;
}

function search() {
  const field = h("input.list-search", { type: "search", "aria-label": "Trace id or user", placeholder: "Trace id or user…", autocomplete: "off", spellcheck: "false", "data-search": true });
  return h(
    "form",
    {
      role: "search",
      onsubmit(event) {
        event.preventDefault();
        const text = field.value.trim();
        field.value = "";
        if (isTraceId(text)) go(["notifications", text.toLowerCase()]);
        else if (text) setQuery({ user_id: text });
      },
    },
    field,
  );
}
