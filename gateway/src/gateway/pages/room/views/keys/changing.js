// Keys are made, replaced and revoked. A key's text is shown once.

import { del, post, segment } from "../../lib/api.js";
import { h } from "../../lib/dom.js";
import { fromField } from "../../lib/time.js";
import { CHANNEL_NAMES } from "../../ui/badge.js";
import { copyable } from "../../ui/copy.js";
import { confirm, openDialog } from "../../ui/dialog.js";
import { field, formDialog } from "../../ui/form.js";
import { toast } from "../../ui/toast.js";

const SCOPES = [
  ["send", "send: notifications and users"],
  ["read", "read: see everything"],
  ["operate", "operate: pause, replay, delete"],
  ["admin", "admin: everything, keys too"],
];
const NUMBERS = ["requests_per_second", "burst", "notifications_per_day", "streams"];

export async function createKey(done) {
  const made = await formDialog({
    title: "Create a key",
    wide: true,
    fields: [
      h(
        "div.form-grid",
        field({ name: "name", label: "Name", required: true, maxlength: 100, placeholder: "shop backend", help: "Who uses it; it stands in the activity list." }),
        field({ name: "kind", label: "Kind", type: "select", options: [["live", "live"], ["test", "test: reaches nobody"]] }),
        field({ name: "expires_at", label: "Expires (optional)", type: "datetime-local" }),
      ),
      field({ name: "scopes", label: "May", type: "choices", options: SCOPES, value: ["send"] }),
      field({ name: "channels", label: "Only on these channels (none: all)", type: "choices", options: CHANNEL_NAMES.map((name) => [name, name]) }),
      h("details", h("summary", "Limits"), h("div.form-grid", NUMBERS.map((name) => field({ name, label: name.replaceAll("_", " "), type: "number", min: 1 })))),
    ],
    action: "Create",
    kept: true,
    run: (values) => post("/keys", bodyOf(values)),
  });
  await showKey(made, done);
}

function bodyOf({ name, kind, scopes, channels, expires_at: expires, ...numbers }) {
  const limits = Object.fromEntries(Object.entries(numbers).map(([limit, text]) => [limit, Number(text)]));
  return {
    name,
    kind,
    scopes,
    channels: channels.length ? channels : null,
    expires_at: fromField(expires),
    ...(Object.keys(limits).length && { limits }),
  };
}

export async function rotateKey(key, done) {
  const made = await formDialog({
    title: `Replace the key “${key.name}”?`,
    fields: [
      h("p", "A new key with the same rights is made. The one there is goes on working for a while, so that its users can change over."),
      field({ name: "grace_seconds", label: "The old key works for", type: "select", value: "86400", options: [["0", "no longer"], ["3600", "an hour"], ["86400", "a day"], ["604800", "a week"]] }),
    ],
    action: "Replace",
    kept: true,
    run: ({ grace_seconds: grace }) => post(`/keys/${segment(key.prefix)}/rotate`, { grace_seconds: Number(grace) }),
  });
  await showKey(made, done);
}

export async function revokeKey(key, done) {
  const sure = await confirm({
    title: `Revoke “${key.name}”?`,
    text: "Within five seconds nothing that uses this key comes in any more. This cannot be undone.",
    action: "Revoke",
    isDangerous: true,
  });
  if (!sure) return;
  await del(`/keys/${segment(key.prefix)}`);
  toast(`“${key.name}” is revoked.`, "wait");
  await done();
}

async function showKey(made, done) {
  if (!made) return;
  await openDialog({
    title: "The new key",
    body: [h("p", "It is shown this once: take it along now. Only its hash is kept."), copyable(made.key, "Copy the key")],
    kept: true,
    buttons: [h("button.primary", { value: "" }, "I have it")],
  });
  await done();
}
