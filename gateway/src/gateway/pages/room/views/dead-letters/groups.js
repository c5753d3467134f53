// How many of what: reasons down, channels across. Every number leads to those behind it.

import { h } from "../../lib/dom.js";
import { link } from "../../lib/router.js";
import { relative } from "../../lib/time.js";
import { words } from "../../ui/badge.js";
import { countText } from "../../ui/head.js";
import { table } from "../../ui/table.js";

const sum = (groups) => groups.reduce((total, { count }) => total + count, 0);
const NO_CHANNEL = "no channel";

/** The table; the group that `query` asks for is marked. */
export function groupsTable({ items, is_complete: isComplete }, query) {
  const channels = [...new Set(items.map(({ channel }) => channel ?? ""))].sort();
  const reasons = [...new Set(items.map(({ reason }) => reason ?? ""))];
  const most = Math.max(...items.map(({ count }) => count));
  const columns = [
    { name: "Reason" },
    ...channels.map((channel) => ({ name: channel || NO_CHANNEL, class: "number" })),
    { name: "All", class: "number total" },
    { name: "Last one", class: "number" },
  ];
  const rows = reasons.map((reason) => {
    const here = items.filter((each) => (each.reason ?? "") === reason);
    const newest = here.map((each) => each.newest_at).sort().at(-1);
    return [
      where({ reason, channel: null }, query, words(reason) || "unknown"),
      ...channels.map((channel) => cell(here.find((each) => (each.channel ?? "") === channel), most, query)),
      countText(sum(here)),
      h("span.muted", relative(newest)),
    ];
  });
  if (reasons.length > 1 && channels.length > 1) rows.push(totals(items, channels, query));
  const made = table({ caption: "Dead letters by reason and channel", columns, rows });
  made.classList.add("groups-table");
  return isComplete
    ? made
    : [made, h("p.muted.small", `These are the newest ${countText(sum(items))}; there are more.`)];
}

function totals(items, channels, query) {
  return [
    h("strong", "All"),
    ...channels.map((channel) => {
      const count = countText(sum(items.filter((each) => (each.channel ?? "") === channel)));
      return channel ? where({ reason: null, channel }, query, count) : count;
    }),
    h("strong", countText(sum(items))),
    "",
  ];
}

function cell(group, most, query) {
  if (!group) return h("span.muted.none", "·");
  const count = countText(group.count);
  const made = group.channel ? where(group, query, count) : h("span", count);
  made.classList.add("heat");
  made.style.setProperty("--share", `${Math.round((group.count / most) * 100)}%`);
  return made;
}

function where({ reason, channel }, query, text) {
  const isHere = (query.reason ?? "") === (reason ?? "") && (query.channel ?? "") === (channel ?? "");
  const place = link("dead-letters", isHere ? {} : { ...query, reason, channel, inspect: null });
  return h("a.group-link", { href: place, "aria-current": isHere ? "true" : null, title: isHere ? "Show all again" : null }, text);
}
