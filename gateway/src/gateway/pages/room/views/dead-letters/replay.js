// Replaying all that match: the dry run that says how many, then its progress, and the way to stop.

import { post } from "../../lib/api.js";
import { fill, h, set, setText } from "../../lib/dom.js";
import { duration, now } from "../../lib/time.js";
import { words } from "../../ui/badge.js";
import { actionButton } from "../../ui/button.js";
import { openDialog } from "../../ui/dialog.js";
import { countText } from "../../ui/head.js";
import { toast } from "../../ui/toast.js";
import { replayJob } from "./replay_job.js";

const PACES = [1, 5, 20, 50];
const USUAL_PACE = 20;

/** The button; `filters()` are those of the API. */
export function replayMatching(filters, changed) {
  const button = actionButton("Replay all that match…", {
    scope: "operate",
    class: "primary",
    run: async () => {
      if (replayJob.isRunning) return toast("A replay is under way already.", "wait");
      const wish = filters();
      // What is given up from here on is not meant.
      const until = [wish.until, new Date(now()).toISOString()].filter(Boolean).sort()[0];
      const found = await post("/dead-letters/replay", { ...wish, until, dry_run: true });
      if (!button.isConnected) return undefined; // gone elsewhere meanwhile
      if (!found.matched) return toast("None matches.", "wait");
      const pace = h("select", { id: "pace", name: "pace" }, PACES.map((each) => h("option", { value: each, selected: each === USUAL_PACE }, `${each} a second`)));
      if (!(await ask(found, wish, pace))) return undefined;
      replayJob.start(wish, { until, total: found.matched, perSecond: Number(pace.value) });
      changed();
      return undefined;
    },
  });
  return button;
}

async function ask({ matched, warning }, wish, pace) {
  const time = h("p.muted.small");
  const showTime = () => setText(time, `It takes about ${duration(Math.ceil(matched / Number(pace.value)))}, and can be stopped. Keep this page open meanwhile.`);
  pace.addEventListener("change", showTime);
  showTime();
  const answer = await openDialog({
    title: `${countText(matched)} dead ${matched === 1 ? "letter matches" : "letters match"}`,
    body: [
      h("p", "This was a dry run; nothing has been changed. Replayed, ", matched === 1 ? "it is" : "they are", " queued again, the newest first, with attempts counted anew."),
      h("dl.facts", h("dt", "Reason"), h("dd", wish.reason ? words(wish.reason) : "any"), h("dt", "Channel"), h("dd", wish.channel ?? "any")),
      warning && h("p.field-error", { role: "note" }, `${warning}.`),
      h("div.field", h("label", { for: "pace" }, "How fast"), pace, time),
    ],
    buttons: [h("button", { value: "" }, "Cancel"), h("button.primary", { value: "yes" }, `Replay ${countText(matched)}`)],
  });
  return answer === "yes";
}

/** How far the replay is: {element, close}; `changed` is called as it goes on. */
export function replayProgress(changed) {
  const bar = h("progress", { max: 1, "aria-label": "Replayed" });
  const word = h("p", { role: "status" });
  const tools = h("div.row");
  const element = h("section.panel.replay", { hidden: true, "aria-label": "Replay" }, h("div.row.spread", h("h2", "Replay"), tools), bar, word);
  let known = "";

  function show() {
    const { state, total, replayed } = replayJob;
    element.hidden = state === "idle";
    element.dataset.state = state;
    set(bar, { max: Math.max(total, 1), value: replayed });
    setText(word, wordsOf(replayJob));
    if (known !== state) {
      fill(tools, replayJob.isRunning ? stopButton() : h("button.small", { type: "button", onclick: () => replayJob.dismiss() }, "Dismiss"));
      if (known && !replayJob.isRunning) changed();
    }
    known = state;
  }

  const off = replayJob.on("change", show);
  show();
  return { element, close: off };
}

function stopButton() {
  return h("button.danger", { type: "button", disabled: replayJob.state === "stopping", onclick: () => replayJob.stop() }, "Stop");
}

function wordsOf({ state, total, replayed, gone, problem, isWaiting }) {
  const done = `${countText(replayed)} of ${countText(total)} queued again`;
  const lost = gone ? ` ${countText(gone)} can't be replayed: their messages are no longer in the broker.` : "";
  if (isWaiting && state === "running") return `${done}. The server is away; it goes on when it is back.`;
  if (state === "running") return `${done}…`;
  if (state === "stopping") return `${done}. Stopping…`;
  if (state === "stopped") return `Stopped: ${done}. The rest are dead letters as before.${lost}`;
  if (state === "failed") return `${done}. Then it was refused: ${problem.detail || problem.message}`;
  return `Done: ${done}.${lost}`;
}
