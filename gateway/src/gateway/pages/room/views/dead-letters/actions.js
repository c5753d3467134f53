// What can be done with one dead letter, wherever it is shown. `done()` is called after it was tried.

import { del, post, segment } from "../../lib/api.js";
import { actionButton } from "../../ui/button.js";
import { confirm } from "../../ui/dialog.js";
import { toast } from "../../ui/toast.js";

const pathOf = ({ trace_id: id }, ...more) => ["/dead-letters", segment(id), ...more].join("/");
const whose = ({ user_id: user }) => `the dead letter to ${user ?? "an unknown user"}`;

/** Queue it again, once that was confirmed. */
export function replayButton(letter, done, { label = "Replay", kind = "small" } = {}) {
  const doubt = letter.reason === "ambiguous" ? " An earlier attempt may have reached the provider, so it may arrive twice." : "";
  return actionButton(label, {
    scope: "operate",
    class: kind,
    title: `Replay ${whose(letter)}`,
    run: async () => {
      const text = `It is queued again, its attempts counted anew.${doubt}`;
      if (!(await confirm({ title: "Replay this dead letter?", text, action: "Replay", isDangerous: doubt !== "" }))) return;
      const { warning } = await post(pathOf(letter, "replay")).finally(done);
      toast(warning ? `Queued again: ${warning}.` : "Queued again.", warning ? "retry" : "ok");
    },
  });
}

/** Forget it for good, once that was confirmed. */
export function deleteButton(letter, done, { label = "Delete", kind = "small danger" } = {}) {
  return actionButton(label, {
    scope: "operate",
    class: kind,
    title: `Delete ${whose(letter)}`,
    run: async () => {
      const text = "Its message is forgotten for good, and can't be replayed. What happened to it stays on record.";
      if (!(await confirm({ title: "Delete this dead letter?", text, action: "Delete", isDangerous: true }))) return;
      await del(pathOf(letter)).finally(done);
      toast("Deleted.");
    },
  });
}
