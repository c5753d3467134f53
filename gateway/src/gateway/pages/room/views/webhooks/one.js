// One endpoint: how it is doing, every attempt to tell it something, and what can be done.

import { del, get, post, put, segment } from "../../lib/api.js";
import { fill, h, refill } from "../../lib/dom.js";
import { go, link } from "../../lib/router.js";
import { duration, now, timeElement } from "../../lib/time.js";
import { actionButton } from "../../ui/button.js";
import { tag, words } from "../../ui/badge.js";
import { confirm } from "../../ui/dialog.js";
import { pagedTable } from "../../ui/paged.js";
import { pageHead } from "../../ui/page.js";
import { empty, loadInto } from "../../ui/states.js";
import { toast } from "../../ui/toast.js";
import { stateTag } from "../webhooks.js";
import { eventName } from "./events.js";
import { editWebhook, showSecret } from "./editing.js";

const AGAIN_MS = 1_500; // an attempt takes about as long to be made and written down

export function openWebhook(id, outlet) {
  const path = `/webhooks/${segment(id)}`;
  const top = h("div.stack");
  const attempts = h("div");
  fill(outlet, top, h("h2", "Attempts"), attempts);
  const view = loadInto(top, { what: "The webhook", ask: (signal) => get(path, { signal }), show: (webhook) => refill(top, head(webhook), facts(webhook)) });
  const list = pagedTable(attempts, {
    caption: "Attempts",
    path: `${path}/attempts`,
    columns: [{ name: "When", class: "brief" }, { name: "Event" }, { name: "Outcome" }, { name: "Answer" }, { name: "Took", class: "brief" }, { name: "", class: "actions" }],
    cells,
    nothing: () => empty({ title: "No attempt yet", text: "As soon as something happens that it is told of, it stands here. “Send a test” makes an attempt at once.", symbol: "webhooks" }),
  });
  return () => {
    view.close();
    list.close();
  };

  async function refresh() {
    await view.reload();
    await list.reload();
  }

  function head(webhook) {
    return pageHead(webhook.url, {
      text: webhook.description ?? "",
      tools: [
        actionButton("Send a test", { scope: "operate", run: () => queued(post(`${path}/test`)) }),
        actionButton("Change…", { scope: "admin", run: async () => (await editWebhook(webhook)) && refresh() }),
        actionButton("New secret…", { scope: "admin", run: rotate }),
        actionButton(webhook.is_enabled ? "Switch off" : "Switch on", { scope: "admin", run: () => toggle(webhook) }),
        actionButton("Delete…", { scope: "admin", class: "danger", run: remove }),
      ],
    });
  }

  async function queued(call) {
    await call;
    toast("On its way.");
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    await refresh();
  }

  async function rotate() {
    const sure = await confirm({ title: "Make a new secret?", text: "For a day events are signed with both, so that the receiver can change over. After that only the new one counts.", action: "Make it" });
    if (!sure) return;
    await showSecret(await post(`${path}/rotate`, {}));
    await refresh();
  }

  async function toggle({ url, description, events, statuses, channels, tags, format, is_enabled: isEnabled }) {
    await put(path, { url, description, events, statuses, channels, tags, format, is_enabled: !isEnabled });
    await refresh();
  }

  async function remove() {
    const sure = await confirm({ title: "Delete this webhook?", text: "It is told nothing more; its history and what waits for it are removed.", action: "Delete", isDangerous: true });
    if (!sure) return;
    await del(path);
    toast("The webhook is deleted.");
    if (outlet.isConnected) go("webhooks");
  }

  function cells(attempt) {
    return [
      timeElement(attempt.at),
      h("span", eventName(attempt.type), attempt.trace_id && h("a.small.block", { href: link(["notifications", attempt.trace_id]) }, "its notification")),
      h("span", outcomeTag(attempt), isAhead(attempt.next_attempt_at) && h("span.small.muted", " again ", timeElement(attempt.next_attempt_at))),
      h("span.small", attempt.status_code ?? "", " ", attempt.error ?? attempt.answer ?? ""),
      duration(attempt.duration_ms / 1000),
      actionButton("Resend", { scope: "operate", class: "small", run: () => queued(post(`${path}/attempts/${segment(attempt.id)}/resend`)) }),
    ];
  }
}

const isAhead = (at) => Date.parse(at) > now();

const TONES = { delivered: ["ok", "✓"], retrying: ["retry", "↻"], given_up: ["bad", "✕"], gone: ["bad", "⊘"] };

const outcomeTag = ({ outcome, number }) => tag(number > 1 ? `${words(outcome)}, attempt ${number}` : words(outcome), ...(TONES[outcome] ?? ["off"]));

function facts(webhook) {
  const only = Object.entries({ statuses: webhook.statuses, channels: webhook.channels, tags: webhook.tags }).filter(([, list]) => list);
  const rows = [
    ["State", stateTag(webhook)],
    webhook.failing_since && ["Failing since", timeElement(webhook.failing_since)],
    webhook.disabled_at && ["Off since", timeElement(webhook.disabled_at)],
    ["Waiting", webhook.waiting],
    ["Is told of", webhook.events.map(eventName).join(", ")],
    ...only.map(([name, list]) => [`Only ${name}`, list.join(", ")]),
    ["Format", webhook.format],
    webhook.former_secret_until && ["Former secret counts", timeElement(webhook.former_secret_until)],
  ].filter(Boolean);
  return h("section.panel", webhook.warning && h("p.field-error", { role: "note" }, `Beware: ${webhook.warning}.`), h("dl.facts", rows.map(([name, value]) => [h("dt", name), h("dd", value)])));
}
