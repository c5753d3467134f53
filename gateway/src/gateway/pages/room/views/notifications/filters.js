// Which notifications are listed. The query of the hash holds it, so that a list can be linked to.

import { fill, h } from "../../lib/dom.js";
import { setQuery } from "../../lib/router.js";
import { fromField, now, toField } from "../../lib/time.js";
import { CHANNEL_NAMES, STATUS_NAMES, words } from "../../ui/badge.js";

export const REASONS = [
  "unknown_user",
  "no_address",
  "invalid_address",
  "opted_out",
  "quiet_hours",
  "provider_unavailable",
  "provider_rejected",
  "provider_auth",
  "address_gone",
  "suppressed",
  "guarded",
  "rate_limited",
  "contacts_unavailable",
  "attempts_exhausted",
  "ambiguous",
  "poison",
  "undecodable",
  "unsupported_version",
  "unknown_channel",
  "message_too_long",
  "lease_lost",
];
const PERIODS = { "15m": [900, "Last 15 minutes"], "1h": [3_600, "Last hour"], "24h": [86_400, "Last 24 hours"], "7d": [604_800, "Last 7 days"] };
const TEXTS = { user_id: "User", tag: "Tag", reference: "Reference" };
const NAMES = ["status", "channel", "reason", "user_id", "tag", "reference", "last", "since", "until"];
const NONE = Object.fromEntries(NAMES.map((name) => [name, null]));
const TRACE_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

export const isTraceId = (text) => TRACE_ID.test(text);

/** The filters of the API that a query of the hash asks for. */
export function filtersOf(query) {
  const filters = Object.fromEntries(NAMES.filter((name) => query[name]).map((name) => [name, query[name]]));
  const { last, ...asked } = filters;
  const [seconds] = PERIODS[last] ?? [];
  return seconds ? { ...asked, since: new Date(now() - seconds * 1000).toISOString() } : asked;
}

export const clearFilters = () => setQuery(NONE);

/** How many filters of a query are set. */
export const countOf = (query) => NAMES.filter((name) => query[name]).length;

/** Controls for filters of these names; `show(query)` lets them stand as the hash has it. */
export function filterBar(names = NAMES) {
  const all = {
    status: select("status", "Any status", STATUS_NAMES.map((name) => [name, name])),
    channel: select("channel", "Any channel", CHANNEL_NAMES.map((name) => [name, name])),
    reason: select("reason", "Any reason", REASONS.map((name) => [name, words(name)])),
    ...Object.fromEntries(Object.entries(TEXTS).map(([name, label]) => [name, textField(name, label)])),
  };
  const controls = Object.fromEntries(Object.entries(all).filter(([name]) => names.includes(name)));
  const period = periodFields();
  const clear = h("button.quiet", { type: "button", onclick: clearFilters }, "Clear filters");
  const element = h("div.filters", { role: "group", "aria-label": "Filters" }, Object.values(controls), period.element, clear);
  return {
    element,
    show(query) {
      for (const [name, control] of Object.entries(controls)) stand(control, query[name]);
      period.show(query);
      clear.hidden = countOf(query) === 0;
    },
  };
}

function stand(control, value = "") {
  if (control.tagName === "SELECT" && value && ![...control.options].some((each) => each.value === value)) {
    // A code of a later release, or a channel of this installation.
    control.append(h("option", { value }, value));
  }
  if (document.activeElement !== control || control.tagName === "SELECT") control.value = value;
}

function select(name, any, options) {
  const items = options.map(([value, label]) => h("option", { value }, label));
  return h(
    "select",
    { "aria-label": any.replace("Any ", "").replace(/^./, (first) => first.toUpperCase()), name, onchange: ({ target }) => setQuery({ [name]: target.value }) },
    h("option", { value: "" }, any),
    items,
  );
}

function textField(name, label) {
  const take = ({ target }) => setQuery({ [name]: target.value.trim() });
  return h("input.filter-text", { type: "search", name, "aria-label": label, placeholder: label, autocomplete: "off", spellcheck: "false", onchange: take, onsearch: take });
}

function periodFields() {
  const between = h("span.between", { hidden: true });
  const choice = h(
    "select",
    { "aria-label": "Time of the last change", name: "period", onchange: choose },
    h("option", { value: "" }, "Any time"),
    Object.entries(PERIODS).map(([value, [, label]]) => h("option", { value }, label)),
    h("option", { value: "between" }, "Between …"),
  );
  const fields = ["since", "until"].map((name) =>
    h("input", { type: "datetime-local", name, "aria-label": name === "since" ? "From" : "Until", onchange: ({ target }) => setQuery({ last: null, [name]: fromField(target.value) }) }),
  );
  fill(between, fields[0], h("span.muted", "to"), fields[1]);

  function choose() {
    const isBetween = choice.value === "between";
    between.hidden = !isBetween;
    if (isBetween) fields[0].focus();
    else setQuery({ last: choice.value, since: null, until: null });
  }

  return {
    element: [choice, between],
    show({ last, since, until }) {
      const isBetween = Boolean(since || until) || (choice.value === "between" && !last);
      choice.value = last && PERIODS[last] ? last : isBetween ? "between" : "";
      between.hidden = choice.value !== "between";
      fields[0].value = toField(since);
      fields[1].value = toField(until);
    },
  };
}
