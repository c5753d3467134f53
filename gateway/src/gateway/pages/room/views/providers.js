import { post } from "../lib/api.js";
import { fill, h, refill } from "../lib/dom.js";
import { checkParts, parts } from "../lib/parts.js";
import { actionButton } from "../ui/button.js";
import { channelIcon } from "../ui/icons.js";
import { tag } from "../ui/badge.js";
import { openDialog } from "../ui/dialog.js";
import { field, formDialog } from "../ui/form.js";
import { pageHead } from "../ui/page.js";
import { empty, failed, loading } from "../ui/states.js";
import { table } from "../ui/table.js";
import { stateOf } from "./pipeline/provider.js";

const REPEATING = {
  idempotent: "safe: it knows our key",
  askable: "safe: it can be asked first",
  neither: "may arrive twice",
};

export default {
  title: "Providers",
  open(params, outlet) {
    const body = h("div.stack");
    fill(outlet, pageHead("Providers", { text: "Who carries the messages. The first that works is used, the others step in." }), body);
    const show = () => refill(body, parts.providers ? providersOf(parts.providers) : parts.refusal ? failed(parts.refusal) : nobody());
    fill(body, loading("Asking a dispatcher"));
    checkParts();
    return parts.on("providers", show);
  },
};

const nobody = () =>
  empty({
    title: "No dispatcher answers",
    text: "Notifications are accepted and wait; nothing is lost. This view comes back by itself.",
    symbol: "away",
  });

function providersOf({ channels, delivery }) {
  return [
    delivery !== "live" && h("p.panel.hint", tag(delivery, "retry"), ` Messages do not go to the people they are for: DELIVERY is “${delivery}”.`),
    table({ caption: "Providers", columns: COLUMNS, rows: channels.flatMap(rowsOf) }),
  ];
}

const COLUMNS = [
  { name: "Channel" },
  { name: "Order", class: "number" },
  { name: "Provider" },
  { name: "State" },
  { name: "Repeating a send" },
  { name: "Receipts" },
  { name: "", class: "actions" },
];

/** The channel's name and its button stand in its first row. */
function rowsOf({ channel, providers }) {
  return providers.map((provider, at) => {
    const { word, tone, mark } = stateOf(provider);
    return [
      at ? "" : h("strong.channel-name", channelIcon(channel), channel),
      at + 1,
      h("span", provider.name, provider.scheme === provider.name ? null : h("span.muted", ` ${provider.scheme}`)),
      tag(word, tone, mark),
      REPEATING[provider.repeating] ?? provider.repeating,
      provider.gives_receipts ? "yes" : "no",
      at ? "" : actionButton("Test…", { scope: "operate", class: "small", "aria-label": `Test ${channel}`, run: () => test(channel) }),
    ];
  });
}

async function test(channel) {
  const trials = await formDialog({
    title: `Test the providers of ${channel}`,
    fields: [
      h("p", "Connects to each provider and logs in, where that can be done without sending."),
      field({ name: "to", label: "Send a test message to (optional)", help: "A real message, by each provider. Empty: nothing is sent." }),
    ],
    action: "Test",
    run: ({ to }) => post(`/providers/${channel}/test`, to ? { to } : {}),
  });
  if (trials) openDialog({ title: `What came of ${channel}`, body: h("ul.stack", trials.providers.map(trialOf)) });
}

function trialOf({ name, is_ok: isOk, check, sent }) {
  const verdict = !(check || sent) ? tag("not tried", "off", "○") : isOk ? tag("works", "ok", "✓") : tag("does not work", "bad", "✕");
  return h(
    "li.stack",
    h("p.row", h("strong", name), verdict),
    factsOf("Log in", check),
    factsOf("Test message", sent),
  );
}

/** What came of it in the provider's own words, then whatever else was found out. */
function factsOf(title, facts) {
  if (!facts) return h("p.muted", `${title}: not tried.`);
  const { is_ok: _, outcome, words, ...more } = facts;
  const known = Object.entries({ outcome, ...more }).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const rows = [[title, words], ...known.map(([name, value]) => [`${title}: ${name.replaceAll("_", " ")}`, String(value)])];
  return h("dl.facts", rows.map(([name, value]) => [h("dt", name), h("dd", value)]));
}
