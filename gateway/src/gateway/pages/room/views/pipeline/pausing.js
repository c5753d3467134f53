// Pause and resume a channel, after a question.

import { h, set, setText } from "../../lib/dom.js";
import { post } from "../../lib/api.js";
import { live } from "../../lib/live.js";
import { actionButton } from "../../ui/button.js";
import { confirm } from "../../ui/dialog.js";
import { countText } from "../../ui/head.js";
import { toast } from "../../ui/toast.js";

export function pauseButton(channel) {
  let isPaused = false;
  let waiting = 0;
  const word = h("span", "Pause");
  const element = actionButton(word, { class: "small", scope: "operate", run });

  async function run() {
    const isResumed = isPaused; // what is asked is done, also if another does it meanwhile
    const sure = await confirm(isResumed ? resuming(channel, waiting) : pausing(channel, waiting));
    if (!sure) return;
    await post(`/channels/${channel}/${isResumed ? "resume" : "pause"}`);
    toast(isResumed ? `${channel} goes on.` : `${channel} is paused.`, isResumed ? "ok" : "wait");
    await live.refresh();
  }

  return {
    element,
    update(nowPaused, nowWaiting) {
      isPaused = nowPaused;
      waiting = nowWaiting;
      setText(word, isPaused ? "Resume" : "Pause");
      set(element, { "aria-label": `${isPaused ? "Resume" : "Pause"} ${channel}` });
    },
  };
}

const pausing = (channel, waiting) => ({
  title: `Pause ${channel}?`,
  text: `Nothing goes out by ${channel} until someone resumes it, high priority included. Notifications are still accepted, and wait (now: ${countText(waiting)}). Nothing is lost, but those with an end time may expire.`,
  action: "Pause",
});

const resuming = (channel, waiting) => ({
  title: `Resume ${channel}?`,
  text: `What waits (now: ${countText(waiting)}) goes out at once, as fast as the providers take it.`,
  action: "Resume",
});
