// Dead letters: how many of what, each of them, and the way back into the queue.

import { get } from "../lib/api.js";
import { h, refill } from "../lib/dom.js";
import { live } from "../lib/live.js";
import { link } from "../lib/router.js";
import { settled } from "../lib/settled.js";
import { pageHead } from "../ui/page.js";
import { empty, loadInto } from "../ui/states.js";
import { groupsTable } from "./dead-letters/groups.js";
import { inspect } from "./dead-letters/inspect.js";
import { LettersList } from "./dead-letters/list.js";
import { replayProgress, replayMatching } from "./dead-letters/replay.js";
import { countOf, filterBar, filtersOf } from "./notifications/filters.js";

const TEXT = "Notifications that were given up. Each is kept until somebody replays or deletes it.";
const SETTLE_MS = 700;
const AGAIN_MS = 10_000;
const FILTERS = ["channel", "reason"];

export default {
  title: "Dead letters",
  open(params, outlet) {
    let { query } = params;
    const groups = h("div");
    const filters = filterBar(FILTERS);
    const bar = h("div.row.spread", filters.element, replayMatching(() => filtersOf(query), reload));
    const letters = new LettersList({ filters: () => filtersOf(query), isFiltered: () => countOf(query) > 0, changed: reload });
    const rest = h("div.stack", bar, letters.element);
    const progress = replayProgress(reload);
    outlet.append(pageHead("Dead letters", { text: TEXT }), progress.element, groups, rest);

    const counts = loadInto(groups, {
      what: "Counting dead letters",
      ask: (signal) => get("/dead-letters/groups", { signal }),
      show: (answer) => {
        const hasNone = answer.items.length === 0;
        rest.hidden = hasNone && countOf(query) === 0;
        refill(groups, hasNone ? nothing() : groupsTable(answer, query));
        shown = answer;
      },
      every: AGAIN_MS,
    });
    let shown = null;

    function reload() {
      return Promise.all([counts.reload(), letters.reload()]);
    }

    const changes = settled(reload, SETTLE_MS);

    const off = live.on("events", (events) => {
      if (events.some((event) => event.status === "failed" || letters.has(event.trace_id))) changes.soon();
    });

    filters.show(query);
    let closeInspection = inspect(query.inspect, reload);
    return {
      change(next) {
        const before = JSON.stringify(filtersOf(query));
        const wasInspected = query.inspect;
        ({ query } = next);
        filters.show(query);
        if (shown) refill(groups, shown.items.length ? groupsTable(shown, query) : nothing());
        if (JSON.stringify(filtersOf(query)) !== before) letters.restart();
        if (query.inspect !== wasInspected) {
          closeInspection();
          closeInspection = inspect(query.inspect, reload);
        }
      },
      close() {
        off();
        changes.close();
        closeInspection();
        progress.close();
        counts.close();
        letters.close();
      },
    };
  },
};

function nothing() {
  return empty({
    title: "No dead letters",
    text: "What is given up, after its last attempt or because it never can be sent, is kept here with its reason.",
    action: h("a.button", { href: link("pipeline") }, "See the pipeline"),
  });
}
