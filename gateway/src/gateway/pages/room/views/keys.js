import { fill, h } from "../lib/dom.js";
import { session } from "../lib/session.js";
import { now, timeElement } from "../lib/time.js";
import { actionButton } from "../ui/button.js";
import { tag } from "../ui/badge.js";
import { pageHead } from "../ui/page.js";
import { pagedTable } from "../ui/paged.js";
import { empty } from "../ui/states.js";
import { createKey, revokeKey, rotateKey } from "./keys/changing.js";

export default {
  title: "Keys",
  open(params, outlet) {
    const list = h("div");
    const create = actionButton("Create a key…", { scope: "admin", class: "primary", run: () => createKey(view.reload) });
    fill(
      outlet,
      pageHead("Keys", { text: "Who may come in, and what for. Only a hash of each key is kept.", tools: [create] }),
      session.isRequired ? null : h("p.panel.hint", "No keys are asked for at the moment: whoever reaches this address may do everything. ", h("code", "GATEWAY_AUTH=keys"), " changes that."),
      list,
    );
    const view = pagedTable(list, { caption: "Keys", path: "/keys", columns: COLUMNS, cells: (key) => cells(key, view.reload), nothing });
    return () => view.close();
  },
};

const nothing = () => empty({ title: "No keys yet", text: "Programs that send, and people who look in here, get a key each.", symbol: "keys" });

const COLUMNS = [
  { name: "Name" },
  { name: "Prefix" },
  { name: "May" },
  { name: "Limits" },
  { name: "State" },
  { name: "Last used" },
  { name: "", class: "actions" },
];

function cells(key, reload) {
  return [
    h("span", h("strong", key.name), key.kind === "test" && [" ", tag("test: reaches nobody", "busy")]),
    h("span.mono", key.prefix),
    h("span", key.scopes.join(", "), key.channels && h("span.small.muted.block", `only ${key.channels.join(", ")}`)),
    h("span.small", limitsOf(key.limits)),
    stateTag(key),
    timeElement(key.last_used_at),
    !key.is_active
      ? ""
      : [
          actionButton("Rotate…", { scope: "admin", class: "small", "aria-label": `Rotate ${key.name}, ${key.prefix}`, run: () => rotateKey(key, reload) }),
          actionButton("Revoke…", { scope: "admin", class: "small danger", "aria-label": `Revoke ${key.name}, ${key.prefix}`, run: () => revokeKey(key, reload) }),
        ],
  ];
}

const UNITS = { requests_per_second: "requests/s", burst: "at once", notifications_per_day: "notifications/day", streams: "streams" };

function limitsOf(limits) {
  const set = Object.entries(limits ?? {}).filter(([, value]) => value !== null);
  return set.length ? set.map(([name, value]) => `${value} ${UNITS[name] ?? name}`).join(", ") : "default";
}

/** How a key is; the first of these that is true counts. */
function stateOf(key) {
  const isPast = (time) => time && Date.parse(time) <= now();
  if (key.revoked_at) return { word: "revoked", at: key.revoked_at, tone: "off" };
  if (isPast(key.expires_at)) return { word: "expired", at: key.expires_at, tone: "off" };
  if (isPast(key.grace_ends_at)) return { word: "replaced", at: key.grace_ends_at, tone: "off" };
  if (key.grace_ends_at) return { word: "replaced, works until", at: key.grace_ends_at, tone: "retry" };
  if (key.expires_at) return { word: "active until", at: key.expires_at, tone: "ok" };
  return { word: "active", tone: "ok" };
}

function stateTag(key) {
  const { word, at, tone } = stateOf(key);
  return h("span", tag(word, tone, tone === "ok" ? "✓" : "⊘"), at && h("span.small.muted", " ", timeElement(at)));
}
