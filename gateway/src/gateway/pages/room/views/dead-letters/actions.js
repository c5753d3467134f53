// What can be done with one dead letter.

import { del, post, segment } from "../../lib/api.js";
import { actionButton } from "../../ui/button.js";
import { confirm } from "../../ui/dialog.js";
import { toast } from "../../ui/toast.js";

const pathOf = ({ trace_id: id }, ...more) => ["/dead-letters", segment(id), ...more].join("/");

/** Queue it again; where it may have been sent, it is asked first. */
export function replayButton(letter, done, kind = "small") {
  return actionButton("Replay", {
    scope: "operate",
    class: kind,
    "aria-label": `Replay the notification to ${letter.user_id ?? "an unknown user"}`,
    run: async () => {
      if (letter.reason === "ambiguous" && !(await confirm(TWICE))) return;
      const { warning } = await post(pathOf(letter, "replay")).finally(done);
      toast(warning ? `Queued again: ${warning}.` : "Queued again.", warning ? "retry" : "ok");
    },
  });
}

const TWICE = {
  title: "It may arrive twice",
  text: "An earlier attempt may have reached the provider. Ask the provider for the trace id before you send it again.",
  action: "Replay nevertheless",
  isDangerous: true,
};

/** Forget it for good, once that was confirmed. */
export function deleteButton(letter, done, kind = "small danger") {
  return actionButton("Delete", {
    scope: "operate",
    class: kind,
    "aria-label": `Delete the notification to ${letter.user_id ?? "an unknown user"}`,
    run: async () => {
      if (!(await confirm(FOR_GOOD))) return;
      await del(pathOf(letter)).finally(done);
      toast("Deleted. What happened to it stays on record.");
    },
  });
}

const FOR_GOOD = {
  title: "Delete this dead letter?",
  text: "Its message is forgotten for good, and it can't be replayed any more. What happened to it stays on record.",
  action: "Delete",
  isDangerous: true,
};
