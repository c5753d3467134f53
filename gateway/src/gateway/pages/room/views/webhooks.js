import { fill, h, refill } from "../lib/dom.js";
import { get } from "../lib/api.js";
import { go, link } from "../lib/router.js";
import { actionButton } from "../ui/button.js";
import { tag, words } from "../ui/badge.js";
import { pageHead } from "../ui/page.js";
import { empty, loadInto } from "../ui/states.js";
import { table } from "../ui/table.js";
import { eventName } from "./webhooks/events.js";
import { editWebhook, showSecret } from "./webhooks/editing.js";
import { openWebhook } from "./webhooks/one.js";

const EVERY_MS = 5_000;

export default {
  title: ({ path }) => (path.length ? "Webhook" : "Webhooks"),
  open({ path }, outlet) {
    return path.length ? openWebhook(path[0], outlet) : openList(outlet);
  },
};

function openList(outlet) {
  const list = h("div");
  const add = actionButton("Add a webhook…", { scope: "admin", class: "primary", run: addWebhook });
  fill(outlet, pageHead("Webhooks", { text: "Who else is told: status changes and alarms, posted to a URL and signed.", tools: [add] }), list);
  const view = loadInto(list, {
    what: "Webhooks",
    every: EVERY_MS,
    ask: (signal) => get("/webhooks", { signal }),
    show: ({ items }) =>
      refill(list, items.length ? table({ caption: "Webhooks", columns: COLUMNS, rows: items.map(cells) }) : nothing()),
  });
  return () => view.close();

  async function addWebhook() {
    const webhook = await editWebhook();
    if (!webhook) return;
    await showSecret(webhook);
    if (list.isConnected) go(["webhooks", webhook.id]);
  }
}

const nothing = () =>
  empty({
    title: "No webhooks yet",
    text: "A webhook is told as soon as a notification’s status changes, a provider breaks down or dead letters pile up. What it does not take is tried again over a day.",
    symbol: "webhooks",
  });

const COLUMNS = [{ name: "URL" }, { name: "State" }, { name: "Is told of" }, { name: "Waiting", class: "number" }];

const cells = (webhook) => [
  h("span", h("a", { href: link(["webhooks", webhook.id]) }, webhook.url), webhook.description && h("p.small.muted", webhook.description)),
  stateTag(webhook),
  h("span.small", webhook.events.map(eventName).join(", ")),
  webhook.waiting,
];

/** How an endpoint is doing. */
export function stateTag({ is_enabled: isEnabled, disabled_reason: reason, failing_since: failing }) {
  if (!isEnabled) return tag(`off: ${words(reason ?? "operator")}`, reason === "operator" ? "off" : "bad", "⊘");
  if (failing) return tag("takes nothing", "retry", "↻");
  return tag("works", "ok", "✓");
}
