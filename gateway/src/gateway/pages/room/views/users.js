import { fill, h } from "../lib/dom.js";
import { go, link } from "../lib/router.js";
import { actionButton } from "../ui/button.js";
import { tag, words } from "../ui/badge.js";
import { pagedTable } from "../ui/paged.js";
import { pageHead } from "../ui/page.js";
import { empty } from "../ui/states.js";
import { tabs } from "../ui/tabs.js";
import { timeElement } from "../lib/time.js";
import { editUser } from "./users/editing.js";
import { release } from "./users/releasing.js";
import { openUser } from "./users/one.js";

const TABS = [
  ["users", "All users"],
  ["suppressed", "Not sent to"],
];

export default {
  title: ({ path }) => path[0] ?? "Users",
  open({ path, query }, outlet) {
    return path.length ? openUser(path[0], outlet) : openList(query.tab ?? "users", outlet);
  },
};

function openList(tab, outlet) {
  const list = h("div");
  const add = actionButton("Add a user…", { scope: "send", class: "primary", run: addUser });
  fill(
    outlet,
    pageHead("Users", { text: "Where people are reached, and which addresses are not sent to any more.", tools: [search(), add] }),
    tabs("users", TABS, tab),
    list,
  );
  const paged = tab === "suppressed" ? suppressed(list) : users(list);
  return () => paged.close();

  async function addUser() {
    const user = await editUser();
    if (user && list.isConnected) go(["users", user.user_id]);
  }
}

function search() {
  const field = h("input", { type: "search", name: "user", "aria-label": "User id", placeholder: "User id", "data-search": true });
  const form = h("form.row.search", { role: "search" }, field, h("button", "Open"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (field.value.trim()) go(["users", field.value.trim()]);
  });
  return form;
}

function users(list) {
  return pagedTable(list, {
    caption: "Users",
    path: "/users",
    columns: [{ name: "User" }, { name: "Prefers" }, { name: "Addresses" }, { name: "Health" }],
    cells: ({ user_id: id, preferred_channel: preferred, addresses }) => {
      const all = Object.entries(addresses).filter(([, each]) => each?.length);
      return [
        h("a", { href: link(["users", id]) }, id),
        preferred ?? "–",
        h("span.muted", all.map(([channel, each]) => (each.length > 1 ? `${channel} (${each.length})` : channel)).join(", ") || "none"),
        healthOf(all),
      ];
    },
    nothing: () => empty({ title: "No users yet", text: "PUT /users/{user_id} stores one, and so does “Add a user”.", symbol: "users" }),
  });
}

function healthOf(channels) {
  const bad = channels.flatMap(([, each]) => each).filter(({ health }) => health !== "good").length;
  if (bad) return tag(`${bad} not sent to`, "bad", "✕");
  return channels.length ? tag("good", "ok", "✓") : "–";
}

function suppressed(list) {
  const paged = pagedTable(list, {
    caption: "Addresses that are not sent to",
    path: "/suppressions",
    columns: [{ name: "Address" }, { name: "Channel" }, { name: "Why" }, { name: "Since" }, { name: "Until" }, { name: "", class: "actions" }],
    cells: (entry) => [
      h("span.mono", entry.address),
      entry.channel,
      h("span", tag(words(entry.reason), "bad", "✕"), entry.evidence && h("p.small.muted", entry.evidence)),
      timeElement(entry.since),
      entry.until ? timeElement(entry.until) : "released by hand",
      actionButton("Release…", { scope: "operate", class: "small", run: () => release(entry.channel, entry.address, paged.reload) }),
    ],
    nothing: () => empty({ title: "Every address is sent to", text: "Addresses that bounce for good, complain or opt out stand here.", symbol: "users" }),
  });
  return paged;
}
