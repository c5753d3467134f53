// The outbox: what reached nobody, as the person would have seen it.

import { get } from "../lib/api.js";
import { fill, h, keyed, set, setText } from "../lib/dom.js";
import { live } from "../lib/live.js";
import { link, setQuery } from "../lib/router.js";
import { settled } from "../lib/settled.js";
import { setTime, timeElement } from "../lib/time.js";
import { CHANNEL_NAMES } from "../ui/badge.js";
import { actionButton } from "../ui/button.js";
import { channelIcon } from "../ui/icons.js";
import { pageHead } from "../ui/page.js";
import { empty, loadInto } from "../ui/states.js";
import { preview } from "./outbox/preview.js";

const TEXT = "What fakes, captures and the lab took. It reached nobody; here it is as the person would have seen it.";
const SETTLE_MS = 500;
const AGAIN_MS = 10_000;
const PAGE = 30;

export default {
  title: "Outbox",
  open(params, outlet) {
    let { query } = params;
    let items = [];
    let next = null;
    let shown = null;
    const list = h("div.outbox-list", { role: "list", "aria-label": "Messages" });
    const more = h("div.row.list-foot", actionButton("Show older", { class: "small", run: loadOlder }));
    const pane = h("section.outbox-pane", { "aria-label": "The message", "aria-live": "polite" });
    const both = h("div.outbox", h("div", list, more), pane);
    const body = h("div");
    const channel = channelChoice();
    outlet.append(pageHead("Outbox", { text: TEXT, tools: [channel] }), body);

    const loader = loadInto(body, {
      what: "Opening the outbox",
      ask: (signal) => get("/outbox", { query: { channel: query.channel, limit: PAGE }, signal }).catch(orNothing),
      show: (page) => {
        if (page.problem) return fill(body, noOutbox(page.problem));
        take(page);
        if (!items.length) return fill(body, nothing(query.channel));
        if (!body.contains(both)) fill(body, both);
        return draw();
      },
      every: AGAIN_MS,
    });

    /** Put the newest page before what was loaded of older ones, unless there is a gap between. */
    function take(page) {
      const known = new Map(items.map((item) => [item.key, item]));
      const fresh = withKeys(page.items).map((item) => known.get(item.key) ?? item);
      const last = fresh.at(-1);
      const at = last ? items.findIndex(({ key }) => key === last.key) : -1;
      const older = at >= 0 ? items.slice(at + 1) : [];
      items = [...fresh, ...older];
      if (!older.length) next = page.next_cursor;
    }

    function draw() {
      const active = items.find(({ key }) => key === query.show) ?? items[0];
      both.classList.toggle("chosen", Boolean(query.show));
      keyed(list, items, { key: ({ key }) => key, make: entry, update: (element, item) => stand(element, item, item === active, query) });
      if (shown !== active) fill(pane, h("a.back.only-narrow", { href: link("outbox", { ...query, show: null }) }, "← All messages"), preview(active));
      shown = active;
      more.hidden = !next;
    }

    async function loadOlder() {
      const cursor = next;
      const page = await get("/outbox", { query: { channel: query.channel, limit: PAGE, cursor } });
      if (next !== cursor) return; // the list is another one by now
      items = [...items, ...withKeys(page.items)];
      next = page.next_cursor;
      draw();
    }

    const changes = settled(loader.reload, SETTLE_MS);
    const off = live.on("events", (events) => {
      if (events.some(({ status }) => status === "sent")) changes.soon();
    });

    channel.value = query.channel ?? "";
    return {
      change({ query: wanted }) {
        const isOther = wanted.channel !== query.channel;
        query = wanted;
        channel.value = query.channel ?? "";
        if (isOther) {
          items = [];
          next = null;
          loader.restart();
        } else if (items.length) draw();
      },
      close() {
        off();
        changes.close();
        loader.close();
      },
    };
  },
};

function channelChoice() {
  const options = CHANNEL_NAMES.map((name) => h("option", { value: name }, name));
  return h(
    "select",
    { "aria-label": "Channel", name: "channel", onchange: ({ target }) => setQuery({ channel: target.value, show: null }) },
    h("option", { value: "" }, "Any channel"),
    options,
  );
}

/** Messages have no id of their own: the time, and which of that time it is. */
function withKeys(items) {
  const seen = new Map();
  return items.map((item) => {
    const count = seen.get(item.at) ?? 0;
    seen.set(item.at, count + 1);
    return { ...item, key: count ? `${item.at}~${count}` : item.at };
  });
}

function entry(item) {
  return h(
    "div",
    { role: "listitem" },
    h(
      "a.outbox-entry",
      h("span.outbox-icon", { dataset: { channel: item.channel } }, channelIcon(item.channel)),
      h("span.outbox-words", h("strong", item.subject || firstLine(item)), h("span.muted", item.address)),
      timeElement(item.at),
    ),
  );
}

const firstLine = ({ message, html }) => message.split("\n", 1)[0] || (html ? "HTML without text" : "(empty)");

function stand(element, item, isActive, query) {
  const anchor = element.firstElementChild;
  set(anchor, { href: link("outbox", { ...query, show: item.key }), "aria-current": isActive ? "true" : null });
  setTime(anchor.lastElementChild, item.at);
  setText(anchor.querySelector(".muted"), item.address);
}

function orNothing(problem) {
  if (problem.code === "no_outbox" || problem.code === "outbox_unavailable") return { items: [], next_cursor: null, problem };
  throw problem;
}

function noOutbox(problem) {
  return problem.code === "no_outbox"
    ? empty({
        title: "There is no outbox here",
        text: "This system has real providers only: what is sent reaches people, and nothing keeps it. Set FAKE_OUTBOX to a file, or DELIVERY=capture, to have messages here instead.",
        symbol: "outbox",
        action: h("a.button", { href: link("providers") }, "See the providers"),
      })
    : empty({ title: "The outbox can't be read now", text: problem.detail, symbol: "away" });
}

function nothing(channel) {
  return empty({
    title: channel ? `Nothing on ${channel} yet` : "Nothing here yet",
    text: "What fake providers accept, what DELIVERY=capture holds back and what the lab takes appears here within a second.",
    symbol: "outbox",
    action: h("a.button.primary", { href: link("send") }, "Send one"),
  });
}
