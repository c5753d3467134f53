// The dead letters that pass the filters, newest first, and what can be done with each.

import { get } from "../../lib/api.js";
import { fill, h, keyed, refill, setText } from "../../lib/dom.js";
import { link, setQuery } from "../../lib/router.js";
import { setTime, timeElement } from "../../lib/time.js";
import { tag, words } from "../../ui/badge.js";
import { empty, loadInto } from "../../ui/states.js";
import { emptyTable, row } from "../../ui/table.js";
import { clearFilters } from "../notifications/filters.js";
import { deleteButton, replayButton } from "./actions.js";

const COLUMNS = [
  { name: "Given up" },
  { name: "To" },
  { name: "Channel" },
  { name: "Reason" },
  { name: "Attempts", class: "number" },
  { name: "", class: "actions" },
];
const PAGE = 50;
const MOST = 200; // the most that one call gives

export class LettersList {
  element = h("div.stack");
  #options;
  #limit = PAGE;
  #loader = null;
  #ids = new Set();

  /** `filters()` are those of the API; `changed()` is called when one was replayed or deleted. */
  constructor(options) {
    this.#options = options;
    this.restart();
  }

  has(traceId) {
    return this.#ids.has(traceId);
  }

  reload() {
    return this.#loader.reload();
  }

  /** Begin anew: the filters are others. */
  restart() {
    this.#loader?.close();
    this.#limit = PAGE;
    const outlet = h("div.stack");
    const { wrap, body } = emptyTable({ caption: "Dead letters", columns: COLUMNS });
    const foot = h("div.row.list-foot");
    fill(this.element, outlet);
    this.#loader = loadInto(outlet, {
      what: "Loading dead letters",
      ask: (signal) => get("/dead-letters", { query: { ...this.#options.filters(), limit: this.#limit }, signal }),
      show: ({ items, next_cursor: next }) => {
        this.#ids = new Set(items.map(({ trace_id: id }) => id));
        if (!items.length) return fill(outlet, this.#nothing(next));
        if (!outlet.contains(wrap)) fill(outlet, wrap, foot);
        keyed(body, items, { key: ({ trace_id: id }) => id, make: (item) => this.#row(item), update });
        return refill(foot, this.#foot(items.length, next));
      },
    });
  }

  close() {
    this.#loader.close();
  }

  #row(item) {
    const { changed } = this.#options;
    const inspect = h("button.small", { type: "button", onclick: () => setQuery({ inspect: item.trace_id }) }, "Inspect");
    const user = item.user_id ? h("a", { href: link("notifications", { user_id: item.user_id }) }, item.user_id) : h("span.muted", "–");
    return row(COLUMNS, [
      timeElement(item.updated_at),
      user,
      item.channel ?? "–",
      tag(words(item.reason), "bad", "✕"),
      String(item.attempts),
      [inspect, replayButton(item, changed), deleteButton(item, changed)],
    ]);
  }

  #nothing(next) {
    const clear = h("button", { type: "button", onclick: clearFilters }, "Clear filters");
    if (next) return empty({ title: "None among the newest", text: "Older ones may pass these filters; narrow them by time." , action: clear });
    return this.#options.isFiltered() && empty({ title: "None passes these filters", action: clear });
  }

  #foot(count, next) {
    if (!next) return h("span.muted", count === 1 ? "One dead letter." : `All ${count} that match.`);
    if (this.#limit >= MOST) return h("span.muted", `The newest ${count}. Narrow the filters to see others.`);
    const more = () => {
      this.#limit = MOST;
      this.reload();
    };
    return [h("span.muted", `The newest ${count}.`), h("button.small", { type: "button", onclick: more }, "Show more")];
  }
}

function update(element, item) {
  const [at, , , , attempts] = element.children;
  if (at.firstElementChild.dateTime !== item.updated_at) setTime(at.firstElementChild, item.updated_at);
  setText(attempts, item.attempts);
}
