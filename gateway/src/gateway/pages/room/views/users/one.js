// One user: every address, how it is doing, and why it is not sent to.

import { del, get, segment } from "../../lib/api.js";
import { h, refill } from "../../lib/dom.js";
import { go, link } from "../../lib/router.js";
import { timeElement } from "../../lib/time.js";
import { actionButton } from "../../ui/button.js";
import { channelIcon } from "../../ui/icons.js";
import { tag, words } from "../../ui/badge.js";
import { confirm } from "../../ui/dialog.js";
import { pageHead } from "../../ui/page.js";
import { empty, loadInto } from "../../ui/states.js";
import { table } from "../../ui/table.js";
import { toast } from "../../ui/toast.js";
import { editUser } from "./editing.js";
import { release } from "./releasing.js";

export function openUser(id, outlet) {
  const view = loadInto(outlet, {
    what: "The user",
    ask: (signal) => get(`/users/${segment(id)}`, { signal }).catch(nullIfUnknown),
    show: (user) => refill(outlet, user ? [head(user), addressesOf(user)] : unknown(id)),
  });
  return () => view.close();

  function head(user) {
    return pageHead(user.user_id, {
      text: user.preferred_channel ? `Prefers ${user.preferred_channel}.` : "Prefers no channel.",
      tools: [
        h("a.button", { href: link("notifications", { user_id: id }) }, "Notifications"),
        h("a.button", { href: link("send", { user_id: id }) }, "Send"),
        actionButton("Change…", { scope: "send", run: () => change(user) }),
        actionButton("Delete…", { scope: "operate", class: "danger", run: remove }),
      ],
    });
  }

  async function change(user) {
    if (await editUser(user)) {
      toast("Saved.");
      await view.reload();
    }
  }

  async function remove() {
    const sure = await confirm({
      title: `Delete ${id}?`,
      text: "All of the user’s addresses are removed. Notifications that wait for this user then fail: nobody knows where to send them.",
      action: "Delete",
      isDangerous: true,
    });
    if (!sure) return;
    await del(`/users/${segment(id)}`);
    toast(`${id} is deleted.`);
    if (outlet.isConnected) go("users");
  }

  function addressesOf(user) {
    const rows = Object.entries(user.addresses).flatMap(([channel, addresses]) => (addresses ?? []).map((each, at) => rowOf(channel, each, at)));
    if (!rows.length) return empty({ title: "No address", text: "This user cannot be reached on any channel.", symbol: "users" });
    return table({ caption: `Addresses of ${user.user_id}`, columns: COLUMNS, rows });
  }

  function rowOf(channel, { address, label, health, suppression, added_at: added, last_used_at: used }, at) {
    return [
      at ? "" : h("strong.channel-name", channelIcon(channel), channel),
      h("span", h("span.mono", address), label && h("span.muted", ` ${label}`)),
      h("span", healthTag(health, suppression), suppression?.evidence && h("p.small.muted", suppression.evidence)),
      timeElement(added),
      timeElement(used),
      suppression ? actionButton("Release…", { scope: "operate", class: "small", run: () => release(channel, address, view.reload) }) : "",
    ];
  }
}

const COLUMNS = [
  { name: "Channel" },
  { name: "Address" },
  { name: "Health" },
  { name: "Added" },
  { name: "Last used" },
  { name: "", class: "actions" },
];

const healthTag = (health, suppression) =>
  health === "good" ? tag("good", "ok", "✓") : tag(`not sent to: ${words(suppression?.reason ?? health)}`, "bad", "✕");

function nullIfUnknown(problem) {
  if (problem.status === 404) return null;
  throw problem;
}

const unknown = (id) =>
  empty({
    title: "There is no such user",
    text: `Nobody is known as “${id}”. Notifications to this user fail with the reason “unknown user”.`,
    symbol: "users",
    action: h("a.button", { href: link("users") }, "To all users"),
  });
