import { fill, h } from "../lib/dom.js";
import { link } from "../lib/router.js";
import { timeElement } from "../lib/time.js";
import { tag, words } from "../ui/badge.js";
import { pagedTable } from "../ui/paged.js";
import { pageHead } from "../ui/page.js";
import { empty } from "../ui/states.js";
import { isTraceId } from "./notifications/filters.js";

export default {
  title: "Activity",
  open(params, outlet) {
    const list = h("div");
    fill(outlet, pageHead("Activity", { text: "Who did what, when, and on how many. Sending is not listed: every notification has a timeline." }), list);
    const view = pagedTable(list, {
      caption: "Activity",
      path: "/audit",
      columns: [{ name: "When" }, { name: "Who" }, { name: "What" }, { name: "On" }, { name: "How many", class: "number" }, { name: "Answer" }],
      cells,
      nothing: () => empty({ title: "Nothing was changed yet", text: "Pauses, replays, deletions, keys and settings of webhooks stand here once someone does them.", symbol: "activity" }),
    });
    return () => view.close();
  },
};

const cells = ({ at, actor, action, target, count, status, request_id: id }) => [
  timeElement(at),
  actor ? h("span", actor.name, h("span.muted.small.mono", ` ${actor.prefix}`)) : h("span.muted", "anyone: no keys are asked for"),
  words(action),
  targetOf(target),
  count ?? "",
  h("span", { title: `Request ${id}` }, status < 400 ? tag(status, "ok", "✓") : tag(status, "bad", "✕")),
];

function targetOf(target) {
  if (!target) return "";
  return isTraceId(target) ? h("a.mono", { href: link(["notifications", target]) }, target) : h("span.mono", target);
}
