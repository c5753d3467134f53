// What happens now: one stream of events for the whole page, and the figures, asked for again and
// again. Nothing runs while the page is hidden, or nobody is signed in.
//
//   events   [{trace_id, user_id, channel, status, reason, at}], gathered per animation frame
//   gap      events may have been missed: ask again for what you show
//   figures  the answer of GET /pipeline
//   state    the connection has changed

import { get } from "./api.js";
import { Emitter } from "./emitter.js";
import { setServerTime } from "./time.js";

const FIGURES_MS = 2_000;
const TIMEOUT_MS = 5_000;
const RECONNECT_MS = 3_000;

class Live extends Emitter {
  /** The last answer of GET /pipeline, or null. */
  figures = null;
  /** When it came, by this computer's clock; null before the first. */
  figuresAt = null;
  /** What went wrong at the last try for figures; null if nothing did. */
  problem = null;
  /** Why the server, which is there, gives no figures; null if it does. */
  refusal = null;

  #run = null; // what ends with `stop()`, or null
  #stream = null;
  #hasStream = false;
  #gathered = [];
  #timers = new Set();
  #asking = null;

  /** "connecting", "live", "polling" (figures but no stream), "away", or "refused". */
  get state() {
    if (this.problem) return "away";
    if (this.refusal) return "refused";
    if (!this.figuresAt) return "connecting";
    return this.#hasStream ? "live" : "polling";
  }

  start() {
    if (this.#run || document.hidden) return;
    this.#run = {};
    this.#connect();
    this.#poll(this.#run);
  }

  stop() {
    this.#run = null;
    this.#asking?.abort();
    this.#stream?.close();
    this.#stream = null;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#setStream(false);
  }

  /** Ask for the figures at once: after something was done that changes them. */
  async refresh() {
    this.#asking?.abort(); // an older answer that comes later would undo this one
    const { signal } = (this.#asking = new AbortController());
    try {
      const askedAt = Date.now();
      this.figures = await get("/pipeline", { signal, timeout: TIMEOUT_MS });
      setServerTime(this.figures.at, askedAt);
      this.problem = this.refusal = null;
      this.figuresAt = Date.now();
      this.emit("figures", this.figures);
    } catch (problem) {
      if (signal.aborted) return;
      this.problem = problem.isAway ? problem : null;
      this.refusal = problem.isAway ? null : problem;
    }
    this.emit("state");
  }

  async #poll(run) {
    await this.refresh();
    // It may have been stopped and started again while the answer was under way.
    if (this.#run === run) this.#later(() => this.#poll(run), FIGURES_MS);
  }

  #later(action, delay) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, delay);
    this.#timers.add(timer);
  }

  #connect() {
    const stream = (this.#stream = new EventSource(new URL("events", document.baseURI)));
    let isNew = true;
    stream.onopen = () => {
      this.#setStream(true);
      // A stream that comes back says where it had ended. A new one begins now, and a view may have asked before.
      if (isNew) this.emit("gap");
      isNew = false;
    };
    stream.addEventListener("status", ({ data }) => this.#gather(JSON.parse(data)));
    stream.addEventListener("missed", () => this.emit("gap"));
    stream.onerror = () => {
      this.#setStream(false);
      if (stream.readyState === EventSource.CLOSED && this.#stream === stream) {
        this.#later(() => this.#connect(), RECONNECT_MS);
      }
    };
  }

  #setStream(isOpen) {
    if (this.#hasStream === isOpen) return;
    this.#hasStream = isOpen;
    this.emit("state");
  }

  #gather(event) {
    if (this.#gathered.push(event) > 1) return;
    requestAnimationFrame(() => {
      const events = this.#gathered;
      this.#gathered = [];
      this.emit("events", events);
    });
  }
}

export const live = new Live();

/** Start and stop with the page's visibility, as long as `isWanted` says so. */
export function followVisibility(isWanted) {
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) live.stop();
    else if (isWanted()) live.start();
  });
}
