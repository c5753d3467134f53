// A status in words, with a shape and a colour that say the same.

import { h, setText } from "../lib/dom.js";

// tone: how it looks; mark: a shape that is told apart without colours
const STATUSES = {
  scheduled: { tone: "wait", mark: "◷" },
  queued: { tone: "wait", mark: "○" },
  validated: { tone: "busy", mark: "◔" },
  sending: { tone: "busy", mark: "◑" },
  retrying: { tone: "retry", mark: "↻" },
  sent: { tone: "ok", mark: "✓" },
  delivered: { tone: "ok", mark: "✓✓" },
  failed: { tone: "bad", mark: "✕" },
  cancelled: { tone: "off", mark: "⊘" },
  expired: { tone: "off", mark: "⌛\u{FE0E}" },
};

/** A status of a notification. */
export function statusBadge(status) {
  return setBadge(h("span.badge", h("span.mark", { "aria-hidden": true }), h("span.word")), status);
}

/** Let a badge show another status. */
export function setBadge(element, status) {
  const { tone, mark } = STATUSES[status] ?? { tone: "off", mark: "·" };
  element.dataset.tone = tone;
  setText(element.firstElementChild, mark);
  setText(element.lastElementChild, status);
  return element;
}

/** Any other word with a tone: ok, busy, wait, retry, bad, off. */
export function tag(word, tone = "off", mark = "") {
  return h("span.badge", { dataset: { tone } }, mark && h("span.mark", { "aria-hidden": true }, mark), h("span.word", word));
}

/** A code such as `attempts_exhausted`, to read. */
export const words = (code) => String(code ?? "").replaceAll("_", " ");

export const STATUS_NAMES = Object.keys(STATUSES);
export const CHANNEL_NAMES = ["email", "sms", "push", "webhook", "chat"];
