// What happened to a notification, twice: drawn to scale, and told entry by entry.

import { h, s } from "../../lib/dom.js";
import { clock, duration, fullTime, now } from "../../lib/time.js";
import { statusBadge, tag, words } from "../../ui/badge.js";

const WIDTH = 1000;
const LEAST = 5; // so wide is drawn what took no time at all
const LANE = 26;
const TONES = {
  scheduled: "wait",
  queued: "wait",
  validated: "wait",
  retrying: "retry",
  sending: "busy",
};
const KINDS = { scheduled: "waits for its time", queued: "waits for its turn", validated: "waits to be sent", retrying: "waits for another attempt", sending: "is being sent" };
const OUTCOMES = { accepted: "ok", transient: "retry", uncertain: "retry", untried: "off", permanent: "bad", gone: "bad", misconfigured: "bad" };

/** The spans of a record, oldest first: {status, from, to, label, isAhead}; times in ms. */
export function spansOf(record) {
  const end = endOf(record);
  const spans = [];
  let attempt = 0;
  record.timeline.forEach((entry, at) => {
    if (!(entry.status in KINDS)) return;
    const from = Date.parse(entry.at);
    const next = record.timeline[at + 1];
    const to = next ? Date.parse(next.at) : Math.max(end, from);
    if (entry.status === "sending") attempt = entry.attempt ?? attempt + 1;
    const tone = entry.status === "sending" ? toneOfOutcome(next) : TONES[entry.status];
    spans.push({ status: entry.status, from, to, tone, attempt: entry.status === "sending" ? attempt : null, provider: entry.provider, isOpen: !next });
  });
  return spans;
}

function toneOfOutcome(next) {
  if (!next) return "busy";
  return { sent: "ok", delivered: "ok", retrying: "retry", validated: "retry", failed: "bad" }[next.status] ?? "busy";
}

/** Where the drawing ends: now, the next attempt, or the last entry of what has ended. */
function endOf(record) {
  const last = Date.parse(record.timeline.at(-1)?.at ?? record.updated_at);
  if (record.timeline.at(-1)?.status in KINDS) {
    return Math.max(now(), record.next_attempt_at ? Date.parse(record.next_attempt_at) : 0, last);
  }
  return last;
}

/** Draw waits and attempts to scale. */
export function drawing(record) {
  const spans = spansOf(record);
  const from = Date.parse(record.timeline[0]?.at ?? record.created_at);
  const to = endOf(record);
  const scale = (at) => (to > from ? ((at - from) / (to - from)) * WIDTH : 0);
  const present = record.timeline.at(-1)?.status in KINDS ? scale(now()) : null;
  return h(
    "figure.drawing",
    s(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${2 * LANE + 8}`, preserveAspectRatio: "none", role: "img", "aria-label": summary(spans, to - from) },
      s("line.rail", { x1: 0, x2: WIDTH, y1: LANE / 2, y2: LANE / 2 }),
      s("line.rail", { x1: 0, x2: WIDTH, y1: LANE * 1.5 + 4, y2: LANE * 1.5 + 4 }),
      spans.map((span) => bar(span, scale)),
      present !== null && s("line.present", { x1: present, x2: present, y1: 0, y2: 2 * LANE + 8 }),
    ),
    h("figcaption", h("span", clock(record.timeline[0]?.at ?? record.created_at)), h("span.legend", legend()), h("span", ending(record, to))),
  );
}

function bar(span, scale) {
  const width = Math.max(scale(span.to) - scale(span.from), LEAST);
  const x = Math.min(scale(span.from), WIDTH - LEAST);
  const isAttempt = span.attempt !== null;
  return s(
    `rect.${isAttempt ? "attempt" : "wait"}`,
    { x, width: Math.min(width, WIDTH - x), y: isAttempt ? LANE + 4 : 0, height: LANE, rx: 3, dataset: { tone: span.tone } },
    s("title", spanText(span)),
  );
}

function spanText({ status, from, to, attempt, provider, isOpen }) {
  const what = attempt === null ? KINDS[status] : `attempt ${attempt}${provider ? ` by ${provider}` : ""}`;
  return `${what}: ${isOpen ? "since " + clock(from) : duration((to - from) / 1000)}`;
}

function summary(spans, whole) {
  const waited = spans.filter(({ attempt }) => attempt === null).reduce((sum, { from, to }) => sum + to - from, 0);
  const attempts = spans.filter(({ attempt }) => attempt !== null).length;
  return `${attempts} attempt${attempts === 1 ? "" : "s"}; waits of ${duration(waited / 1000)} in ${duration(whole / 1000)}`;
}

const legend = () => [
  h("span", h("i.swatch.wait", { dataset: { tone: "wait" } }), "waits"),
  h("span", h("i.swatch", { dataset: { tone: "busy" } }), "attempts"),
];

function ending(record, to) {
  if (record.next_attempt_at && Date.parse(record.next_attempt_at) === to) return `next attempt ${clock(to)}`;
  return record.timeline.at(-1)?.status in KINDS ? "now" : clock(to);
}

/** Tell what happened, oldest first. */
export function entries(record) {
  const first = record.timeline[0] && Date.parse(record.timeline[0].at);
  return h(
    "ol.entries",
    record.timeline.map((entry, at) => entryItem(entry, record.timeline[at - 1], first)),
  );
}

function entryItem(entry, before, first) {
  const at = Date.parse(entry.at);
  const waited = before ? (at - Date.parse(before.at)) / 1000 : 0;
  const facts = [
    entry.attempt && `attempt ${entry.attempt}`,
    entry.channel && `on ${entry.channel}`,
    entry.provider && `by ${entry.provider}`,
    entry.duration_ms !== undefined && entry.duration_ms !== null && `took ${duration(entry.duration_ms / 1000)}`,
    entry.delivery_mode,
  ].filter(Boolean);
  return h(
    "li",
    h("span.when", h("time", { datetime: entry.at, title: fullTime(entry.at) }, clock(entry.at)), h("span.muted.small", at > first ? `+${duration((at - first) / 1000)}` : "")),
    h(
      "div.what",
      waited >= 1 && h("p.gap.small.muted", `${duration(waited)} later`),
      h("p.row", statusBadge(entry.status), entry.reason && h("strong", words(entry.reason)), h("span.muted", facts.join(", "))),
      entry.detail && h("blockquote", entry.detail),
      entry.message_id && h("p.small.muted", "Message id ", h("code", entry.message_id)),
      entry.targets?.length ? targets(entry.targets) : null,
    ),
  );
}

function targets(list) {
  return h(
    "ul.targets",
    list.map((each) =>
      h(
        "li",
        h("span", each.target),
        tag(each.outcome, OUTCOMES[each.outcome] ?? "off"),
        h("span.muted", [each.provider && `by ${each.provider}`, each.reason && words(each.reason), each.detail].filter(Boolean).join(", ")),
      ),
    ),
  );
}
