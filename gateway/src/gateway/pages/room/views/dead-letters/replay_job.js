// A replay of many, paced by this page: a part a second, so that it can be stopped at any time.
//
// Only what was given up before it began is taken: what fails again does not go round for ever.

import { post } from "../../lib/api.js";
import { Emitter } from "../../lib/emitter.js";

const ROUND_MS = 1_000;
const AWAY_MS = 2_000;

class ReplayJob extends Emitter {
  /** "idle", "running", "stopping", "stopped", "done", "failed" */
  state = "idle";
  total = 0;
  replayed = 0;
  /** How many can't be replayed: their messages are no longer in the broker. */
  gone = 0;
  problem = null;
  isWaiting = false;

  get isRunning() {
    return this.state === "running" || this.state === "stopping";
  }

  /** Replay `total` that pass the filters and were given up before `until`, so many a second. */
  async start(filters, { until, total, perSecond }) {
    Object.assign(this, { state: "running", total, replayed: 0, gone: 0, problem: null });
    this.emit("change");
    while (this.state === "running" && this.replayed < this.total) {
      const next = Date.now() + ROUND_MS;
      const limit = Math.min(perSecond, this.total - this.replayed);
      if (!(await this.#round({ ...filters, until, limit }))) break;
      this.emit("change");
      await pauseUntil(next);
    }
    if (this.state !== "failed") this.#end(this.state === "stopping" ? "stopped" : "done");
  }

  stop() {
    if (this.state !== "running") return;
    this.state = "stopping";
    this.emit("change");
  }

  /** Forget how it ended. */
  dismiss() {
    if (!this.isRunning) this.#end("idle");
  }

  /** Replay one part; false if nothing is left that can be replayed. */
  async #round(wish) {
    try {
      const answer = await post("/dead-letters/replay", wish);
      this.isWaiting = false;
      this.replayed += answer.replayed;
      this.gone += answer.gone.length;
      return answer.replayed > 0;
    } catch (problem) {
      if (problem.status === undefined) throw problem;
      if (problem.isAway) {
        this.isWaiting = true;
        this.emit("change");
        await pauseUntil(Date.now() + AWAY_MS);
        return true;
      }
      this.problem = problem;
      this.#end("failed");
      return false;
    }
  }

  #end(state) {
    this.state = state;
    this.emit("change");
  }
}

const pauseUntil = (time) => new Promise((resolve) => setTimeout(resolve, Math.max(time - Date.now(), 0)));

/** There is one at a time. It goes on while other screens are open, and ends with the page. */
export const replayJob = new ReplayJob();

addEventListener("beforeunload", (event) => {
  if (replayJob.isRunning) event.preventDefault();
});
