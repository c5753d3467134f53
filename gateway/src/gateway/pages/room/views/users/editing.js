// A user's contact as a form: one address a line, a label after a space.

import { put, segment } from "../../lib/api.js";
import { h } from "../../lib/dom.js";
import { CHANNEL_NAMES } from "../../ui/badge.js";
import { field, formDialog } from "../../ui/form.js";

const HINTS = {
  email: "ada@example.com",
  sms: "+4915112345678",
  push: "a device’s token",
  webhook: "https://example.com/hook",
  chat: "where a chat is reached",
};

/** Ask for a user's contact and store it. `user` is one that there is. Resolves with what is stored. */
export function editUser(user) {
  // A channel of this installation keeps its addresses, too.
  const names = [...new Set([...CHANNEL_NAMES, ...Object.keys(user?.addresses ?? {})])];
  const channels = names.map((channel) =>
    field({
      name: channel,
      label: channel,
      type: "textarea",
      rows: 2,
      placeholder: HINTS[channel],
      spellcheck: "false",
      value: linesOf(user?.addresses[channel]),
    }),
  );
  const preferred = field({
    name: "preferred_channel",
    label: "Preferred channel",
    type: "select",
    value: user?.preferred_channel ?? "",
    options: [["", "none"], ...names.map((name) => [name, name])],
  });
  const id = field({ name: "user_id", label: "User id", required: true, value: user?.user_id, readonly: Boolean(user), maxlength: 128 });
  return formDialog({
    title: user ? `Change ${user.user_id}` : "Add a user",
    wide: true,
    fields: [h("div.form-grid", id, preferred), h("p.field-help", "One address a line; what stands after a space is its label."), h("div.form-grid", channels)],
    action: user ? "Save" : "Add",
    kept: true,
    run: ({ user_id: name, preferred_channel: choice, ...lines }) =>
      put(`/users/${segment(name)}`, { ...contactOf(lines), preferred_channel: choice ?? null }),
  });
}

const linesOf = (addresses) => (addresses ?? []).map(({ address, label }) => (label ? `${address} ${label}` : address)).join("\n");

function contactOf(lines) {
  const all = Object.entries(lines).map(([channel, text]) => [channel, text.split("\n").map(addressOf).filter(Boolean)]);
  return Object.fromEntries(all);
}

function addressOf(line) {
  // A Web Push subscription is JSON, which may hold spaces.
  const [, address, label] = line.trim().match(/^(\{.*\}|\S*)\s*(.*)$/);
  if (!address) return null;
  return label ? { address, label } : address;
}
