import { post, put } from "../../lib/api.js";
import { h } from "../../lib/dom.js";
import { CHANNEL_NAMES, STATUS_NAMES, words } from "../../ui/badge.js";
import { copyable } from "../../ui/copy.js";
import { openDialog } from "../../ui/dialog.js";
import { field, formDialog } from "../../ui/form.js";
import { EVENT_NAMES } from "./events.js";

const EVENTS = Object.entries(EVENT_NAMES).filter(([event]) => event !== "webhook.test");
const named = (names) => names.map((name) => [name, words(name)]);

/** Ask for an endpoint and store it. `webhook` is one that there is. Resolves with what is stored. */
export function editWebhook(webhook) {
  return formDialog({
    title: webhook ? "Change the webhook" : "Add a webhook",
    wide: true,
    fields: [
      field({ name: "url", label: "URL", type: "url", required: true, value: webhook?.url, placeholder: "https://example.com/notifications" }),
      field({ name: "description", label: "Description (optional)", value: webhook?.description, maxlength: 255 }),
      field({ name: "events", label: "Is told of", type: "choices", options: EVENTS, value: webhook?.events ?? [EVENTS[0][0]] }),
      field({ name: "statuses", label: "Only these statuses (none: all)", type: "choices", options: named(STATUS_NAMES), value: webhook?.statuses }),
      field({ name: "channels", label: "Only these channels (none: all)", type: "choices", options: named(CHANNEL_NAMES), value: webhook?.channels }),
      h(
        "div.form-grid",
        field({ name: "tags", label: "Only with one of these tags (optional)", value: webhook?.tags?.join(" "), help: "Separated by spaces" }),
        field({ name: "format", label: "Format", type: "select", value: webhook?.format ?? "standard", options: [["standard", "Standard Webhooks"], ["cloudevents", "CloudEvents 1.0"]] }),
      ),
    ],
    action: webhook ? "Save" : "Add",
    kept: true,
    run: (values) => (webhook ? put(`/webhooks/${webhook.id}`, bodyOf(values)) : post("/webhooks", bodyOf(values))),
  });
}

function bodyOf({ statuses, channels, tags, ...rest }) {
  return { ...rest, statuses: someOf(statuses), channels: someOf(channels), tags: someOf(tags?.split(/[\s,]+/).filter(Boolean)) };
}

const someOf = (list) => (list?.length ? list : null);

/** Show the secret that is shown this once. */
export function showSecret({ secret, url, warning }) {
  return openDialog({
    title: "The secret of this webhook",
    body: [
      h("p", "Events to ", h("strong", url), " are signed with it. It is shown this once: take it along now."),
      copyable(secret, "Copy the secret"),
      warning && h("p.field-error", { role: "note" }, `Beware: ${warning}.`),
    ],
    kept: true,
    buttons: [h("button.primary", { value: "" }, "I have it")],
  });
}
