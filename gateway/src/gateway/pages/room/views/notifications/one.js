// One notification: where it is and why, what happened, what was sent, and what can be done.

import { del, get, segment } from "../../lib/api.js";
import { fill, h, refill } from "../../lib/dom.js";
import { live } from "../../lib/live.js";
import { go, link } from "../../lib/router.js";
import { fullTime } from "../../lib/time.js";
import { statusBadge, tag, words } from "../../ui/badge.js";
import { actionButton } from "../../ui/button.js";
import { copyButton } from "../../ui/copy.js";
import { confirm } from "../../ui/dialog.js";
import { pageHead, panel } from "../../ui/page.js";
import { loadInto } from "../../ui/states.js";
import { toast } from "../../ui/toast.js";
import { deleteButton, replayButton } from "../dead-letters/actions.js";
import { keepDraft } from "../send/draft.js";
import { contentPanels } from "./content.js";
import { drawing, entries } from "./timeline.js";

const AGAIN_MS = 5_000; // the sentence says how long it has waited
const SETTLE_MS = 150; // several changes at once are one
const ENDED = new Set(["sent", "delivered", "failed", "cancelled", "expired"]);
const TONES = { sent: "ok", delivered: "ok", failed: "bad", retrying: "retry", cancelled: "off", expired: "off" };

const pathOf = (traceId, ...more) => ["/notifications", segment(traceId), ...more].join("/");

/** Show a notification until it is closed; `isPart` leaves the page's head and the message out. */
export function openOne(traceId, outlet, { isPart = false } = {}) {
  const head = h("div");
  const verdict = h("section.panel.verdict", { "aria-live": "polite" });
  const timeline = h("section.panel", { "aria-label": "Timeline" });
  const contents = h("div.columns");
  const box = h("div.stack.one-notification");
  outlet.append(box);
  let shown = null;
  let timer = null;
  let dueAt = 0;

  const loader = loadInto(box, { what: "Loading the notification", ask, show });

  async function ask(signal) {
    const [record, why] = await Promise.all([
      get(pathOf(traceId), { signal }),
      get(pathOf(traceId, "explain"), { signal }),
    ]);
    return { record, why };
  }

  function show({ record, why }) {
    if (!box.contains(verdict)) box.append(...(isPart ? [verdict, timeline] : [head, verdict, timeline, contents]));
    if (!isPart) showHead(record, why);
    verdict.dataset.tone = TONES[record.status] ?? "busy";
    refill(verdict, sentence(record, why, isPart));
    refill(timeline, h("h2", "What happened"), drawing(record), entries(record));
    if (!isPart && !shown) contentPanels(traceId, record, contents);
    shown = record;
    if (why.status !== record.status) later(SETTLE_MS);
    else if (!ENDED.has(record.status)) later(AGAIN_MS);
  }

  function showHead(record, why) {
    const known = JSON.stringify([record.user_id, why.actions]);
    if (head.dataset.known === known) return; // a button that is pressed stays
    head.dataset.known = known;
    const title = record.user_id ? `To ${record.user_id}` : "A notification";
    fill(
      head,
      h("a.back", { href: link("notifications") }, "← Notifications"),
      pageHead(title, { tools: [...why.actions.map((name) => ACTIONS[name](record, loader.reload)), repeatButton(record, box)] }),
      h("p.row.muted", h("code.trace-id", record.trace_id), copyButton(record.trace_id)),
    );
  }

  /** Ask again after a while, unless that is to happen sooner anyway. */
  function later(delay) {
    const at = Date.now() + delay;
    if (timer && at >= dueAt) return;
    clearTimeout(timer);
    dueAt = at;
    timer = setTimeout(() => {
      timer = null;
      if (document.hidden) later(AGAIN_MS);
      else loader.reload();
    }, delay);
  }

  const off = live.on("events", (events) => {
    if (events.some((event) => event.trace_id === traceId)) later(SETTLE_MS);
  });

  return () => {
    off();
    clearTimeout(timer);
    loader.close();
  };
}

function sentence(record, why, isPart) {
  return [
    h("p.row", statusBadge(record.status), record.reason && tag(words(record.reason), TONES[record.status] ?? "off"), record.delivery_mode && tag(record.delivery_mode, "off"), record.is_test && tag("test", "wait")),
    h("p.where", why.where),
    h("p", [why.why, why.next].filter(Boolean).join(" ")),
    why.advice && h("p.advice", why.advice),
    facts(record),
    isPart && h("p", h("a", { href: link(["notifications", record.trace_id]) }, "Open it on a page of its own")),
  ];
}

function facts(record) {
  const rows = [
    ["User", record.user_id && h("a", { href: link("notifications", { user_id: record.user_id }) }, record.user_id)],
    ["Channel", record.channel],
    ["Attempts", String(record.attempts)],
    ["Accepted", fullTime(record.created_at)],
    ["Last change", fullTime(record.updated_at)],
    ["Next attempt", record.next_attempt_at && fullTime(record.next_attempt_at)],
    ["Tags", record.tags.length ? h("span.row", record.tags.map((each) => h("a", { href: link("notifications", { tag: each }) }, each))) : null],
    ["Reference", record.reference && h("a", { href: link("notifications", { reference: record.reference }) }, record.reference)],
  ];
  return h("dl.facts.in-columns", rows.filter(([, value]) => value).map(([name, value]) => h("div", h("dt", name), h("dd", value))));
}

const ACTIONS = {
  cancel: (record, done) =>
    actionButton("Cancel it", {
      scope: "send",
      class: "danger",
      run: async () => {
        const asked = { title: "Cancel this notification?", text: `${record.user_id ?? "The user"} will not get it. It can't be taken back.`, action: "Cancel the notification", isDangerous: true };
        if (!(await confirm(asked))) return;
        const { reason } = await del(pathOf(record.trace_id)).finally(done);
        toast(reason === "ambiguous" ? "Cancelled, but an earlier attempt may have reached the provider." : "Cancelled.", reason ? "retry" : "ok");
      },
    }),
  replay: (record, done) => replayButton(record, done, { label: "Replay it", kind: "primary" }),
  delete: (record, done) => deleteButton(record, done, { label: "Delete it", kind: "danger" }),
};

function repeatButton(record, box) {
  return actionButton("Send one like it", {
    scope: "send",
    run: async () => {
      const known = { user_id: record.user_id, channel: record.channel, tags: record.tags, reference: record.reference };
      const asked = await get(pathOf(record.trace_id, "content")).catch((problem) => orElse(problem, known));
      if (!box.isConnected) return; // gone elsewhere meanwhile
      keepDraft(asked);
      go("send");
    },
  });
}

function orElse(problem, known) {
  if (problem.status === 410) return known;
  throw problem;
}
