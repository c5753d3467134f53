// One dead letter, over the list: why it was given up, what happened, what it says. The hash names it.

import { get, segment } from "../../lib/api.js";
import { h } from "../../lib/dom.js";
import { current, setQuery } from "../../lib/router.js";
import { openDialog } from "../../ui/dialog.js";
import { contentPanels } from "../notifications/content.js";
import { openOne } from "../notifications/one.js";
import { deleteButton, replayButton } from "./actions.js";

/** Open it; returns what closes it. Does nothing without a trace id. */
export function inspect(traceId, changed) {
  if (!traceId) return () => {};
  const story = h("div.stack");
  const content = h("div.stack");
  const tools = h("div.row");
  const closeStory = openOne(traceId, story, { isPart: true });
  const gone = openDialog({ title: "A dead letter", body: [story, content], buttons: [tools], wide: true });
  const dialog = story.closest("dialog");
  const end = () => dialog.close();

  get(`/notifications/${segment(traceId)}`)
    .then((record) => {
      contentPanels(traceId, record, content);
      if (record.status !== "failed") return;
      const done = () => {
        changed();
        end();
      };
      tools.append(deleteButton(record, done, { kind: "danger" }), replayButton(record, done, { kind: "primary" }));
    })
    .catch((problem) => {
      if (problem.status === undefined) throw problem; // what was refused is shown by the story
    });
  gone.then(() => {
    closeStory();
    if (current().query.inspect === traceId) setQuery({ inspect: null });
  });
  return () => dialog.open && end();
}
