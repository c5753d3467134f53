// The rows of the list: pages of GET /notifications, and what happens to them since, as events.
//
//   change   the rows are other ones, or `state` is
//
// An event says less than a record: it has neither tags nor a reference. So what is new is shown
// from its event at once, and the newest page is asked for a moment later to complete it.

import { get } from "../../lib/api.js";
import { Emitter } from "../../lib/emitter.js";
import { live } from "../../lib/live.js";

const PAGE = 100;
const NEWEST = 50;
const COMPLETE_AFTER_MS = 1_500;
const AGAIN_MS = 2_000;
const MOST_ROWS = 20_000;
const MOST_HELD = 5_000;

/** When a trace id was made, in ms: it is a UUIDv7. */
const madeAt = (traceId) => parseInt(traceId.slice(0, 8) + traceId.slice(9, 13), 16);

export class NotificationStore extends Emitter {
  rows = [];
  /** What came while it was held: events by trace id, the last of each. */
  held = new Map();
  /** More came than is kept, or something was missed: what is held is only a part of it. */
  isOverfull = false;
  /** "loading", "ready", "failed" or "away"; with `problem`. */
  state = "loading";
  problem = null;
  isComplete = false; // there are no older ones

  #known = new Map();
  #filters = {};
  #shown = null; // the filters that `rows` passed
  #cursor = null;
  #held = "";
  #meanwhile = null; // events since the newest page was asked for, while it is
  #isLoadingMore = false;
  #control = null;
  #timers = {};
  #off = [];

  constructor() {
    super();
    this.#off = [live.on("events", (events) => this.take(events)), live.on("gap", () => this.#load())];
  }

  close() {
    for (const off of this.#off) off();
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    this.#control?.abort();
  }

  /** How many of what is held are not in the list yet. */
  get newCount() {
    let count = 0;
    for (const id of this.held.keys()) count += this.#known.has(id) ? 0 : 1;
    return count;
  }

  /** Show those that pass these filters of the API, from the newest on. */
  open(filters) {
    this.#filters = filters;
    this.#dropHeld();
    this.#become("loading");
    return this.#load();
  }

  /** Begin anew with the newest page; what is shown stays until it is there. */
  async #load() {
    this.#control?.abort();
    const mine = (this.#control = new AbortController());
    clearTimeout(this.#timers.again);
    this.#meanwhile = [];
    try {
      const page = await this.#ask(PAGE, null, mine.signal);
      if (mine.signal.aborted) return;
      if (this.#held === "all" && this.#shown === this.#filters) return this.#loadLater();
      this.#dropHeld();
      this.rows = page.items;
      this.#shown = this.#filters;
      this.#known = new Map(page.items.map((row) => [row.trace_id, row]));
      this.#cursor = page.next_cursor;
      this.isComplete = !page.next_cursor;
      const events = this.#meanwhile;
      this.#meanwhile = null;
      this.#become("ready");
      this.take(events);
    } catch (problem) {
      if (mine.signal.aborted) return;
      if (problem.status === undefined) throw problem;
      // Those of other filters must not stand under these.
      if (this.#shown !== this.#filters) this.rows = [];
      this.#meanwhile = null;
      this.#become(problem.isAway ? "away" : "failed", problem);
      if (problem.isAway) this.#later("again", () => this.#load(), AGAIN_MS);
    }
  }

  #dropHeld() {
    this.held.clear();
    this.isOverfull = false;
  }

  /** What is held still stays as it is; the newest page comes once that ends. */
  #loadLater() {
    this.isOverfull = true;
    this.#meanwhile = null;
    this.#become("ready");
  }

  /** Add the next older page. */
  async more() {
    if (this.#isLoadingMore || this.isComplete || this.state !== "ready") return;
    this.#isLoadingMore = true;
    const { signal } = this.#control;
    try {
      const page = await this.#ask(PAGE, this.#cursor, signal);
      if (signal.aborted) return;
      const fresh = page.items.filter((row) => !this.#known.has(row.trace_id));
      for (const row of fresh) this.#known.set(row.trace_id, row);
      this.rows.push(...fresh);
      this.#cursor = page.next_cursor;
      this.isComplete = !page.next_cursor;
      this.emit("change");
    } catch (problem) {
      if (problem.status === undefined && !signal.aborted) throw problem;
    } finally {
      this.#isLoadingMore = false;
    }
  }

  /** Hold back nothing (""), rows that are not in the list yet ("new"), or all that happens ("all"). */
  hold(what) {
    if (this.#held === what) return;
    this.#held = what;
    if (!what) return this.flush();
    for (const event of this.held.values()) this.#holdBack(event); // "new" lets in what rows in the list became
    return this.emit("change");
  }

  /** Let in what was held back. */
  flush() {
    if (this.isOverfull) {
      this.#dropHeld();
      return void this.#load();
    }
    const events = [...this.held.values()];
    this.held.clear();
    this.#apply(events);
    this.#dropOthers();
    this.emit("change");
  }

  take(events) {
    this.#meanwhile?.push(...events);
    if (this.state !== "ready") return;
    if (!this.#held) {
      this.#apply(events);
      this.#dropOthers();
    } else {
      for (const event of events) this.#holdBack(event);
    }
    this.emit("change");
  }

  #holdBack(event) {
    const row = this.#known.get(event.trace_id);
    if (row && this.#held === "new") {
      Object.assign(row, changeOf(event));
      this.held.delete(event.trace_id);
    } else if (!row && !(this.#passes(event) && this.#isNewer(event))) this.held.delete(event.trace_id);
    else if (this.held.size < MOST_HELD || this.held.has(event.trace_id)) this.held.set(event.trace_id, event);
    else this.isOverfull = true;
  }

  #apply(events) {
    const added = [];
    for (const event of events) {
      const row = this.#known.get(event.trace_id);
      if (row) {
        Object.assign(row, changeOf(event));
      } else if (this.#isKnowable && this.#passes(event) && this.#isNewer(event)) {
        added.push(rowOf(event));
        this.#known.set(event.trace_id, added.at(-1));
      }
    }
    added.sort(newestFirst);
    this.rows = added.concat(this.rows);
    if (this.rows.length > MOST_ROWS && !this.#meanwhile) this.#load();
    else if (added.length || !this.#isKnowable) this.#completeSoon();
  }

  /** Take out those that no longer pass the filters. */
  #dropOthers() {
    if (this.rows.every((row) => this.#passes(row))) return;
    this.rows = this.rows.filter((row) => this.#passes(row) || !this.#known.delete(row.trace_id));
  }

  /** Whether an event tells all that the filters ask for. */
  get #isKnowable() {
    const { tag, reference, until } = this.#filters;
    return !tag && !reference && !until;
  }

  #passes(row) {
    return ["status", "user_id", "channel", "reason"].every((name) => !this.#filters[name] || this.#filters[name] === row[name]);
  }

  /** Not one of the older ones that are further down than what is loaded. */
  #isNewer(event) {
    const last = this.rows.at(-1);
    return this.isComplete || !last || madeAt(event.trace_id) >= madeAt(last.trace_id);
  }

  #completeSoon() {
    this.#timers.complete ??= setTimeout(async () => {
      try {
        if (this.state === "ready" && this.#held !== "all") this.#merge((await this.#ask(NEWEST, null, this.#control.signal)).items);
      } catch (problem) {
        if (problem.status === undefined && problem.name !== "AbortError") throw problem;
      } finally {
        this.#timers.complete = undefined;
      }
    }, COMPLETE_AFTER_MS);
  }

  #merge(items) {
    const fresh = [];
    for (const item of items) {
      const row = this.#known.get(item.trace_id);
      if (row) Object.assign(row, item);
      else if (!this.#held && this.#isNewer(item)) fresh.push(item);
    }
    for (const row of fresh) this.#known.set(row.trace_id, row);
    if (fresh.length) {
      this.rows = this.rows.concat(fresh).sort(newestFirst);
    }
    this.emit("change");
  }

  #ask(limit, cursor, signal) {
    return get("/notifications", { query: { ...this.#filters, limit, cursor }, signal });
  }

  #become(state, problem = null) {
    this.state = state;
    this.problem = problem;
    this.emit("change");
  }

  #later(name, action, delay) {
    clearTimeout(this.#timers[name]);
    this.#timers[name] = setTimeout(action, delay);
  }
}

const newestFirst = (one, other) => madeAt(other.trace_id) - madeAt(one.trace_id);
const changeOf = ({ status, reason, channel, user_id, at }) => ({ status, reason, channel, user_id, updated_at: at });

function rowOf(event) {
  const created = madeAt(event.trace_id);
  const created_at = Number.isFinite(created) ? new Date(created).toISOString() : event.at;
  return { trace_id: event.trace_id, created_at, tags: [], reference: null, ...changeOf(event) };
}
