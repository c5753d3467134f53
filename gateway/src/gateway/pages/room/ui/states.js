// What a view shows when it has nothing to show: not yet, nothing there, an error, no server.

import { fill, h } from "../lib/dom.js";
import { live } from "../lib/live.js";
import { icon } from "./icons.js";

export function loading(what = "Loading") {
  return h("div.state.loading", { role: "status" }, h("span.spinner", { "aria-hidden": true }), `${what}…`);
}

/** Nothing is there, and that is all right. `action` is an element: what to do about it. */
export function empty({ title, text, action, symbol = "empty" }) {
  return h("div.state.empty", icon(symbol), h("h2", title), text && h("p", text), action);
}

/** The server refused; `retry` asks again. */
export function failed(problem, retry) {
  const words = problem.detail || problem.message;
  return h(
    "div.state.failed",
    { role: "alert" },
    icon("failed"),
    h("h2", problem.title || "This did not work"),
    words !== `${problem.title}.` && h("p", words),
    problem.requestId && h("p.muted", "Request ", h("code", problem.requestId)),
    // A key that may not see this may not see it at the next try either.
    problem.status !== 403 && retry && h("button", { type: "button", onclick: retry }, "Try again"),
  );
}

/** No answer; `retry` asks again at once. It is tried again without that, too. */
export function away(problem, retry) {
  return h(
    "div.state.away",
    { role: "status" },
    icon("away"),
    h("h2", "The server is away"),
    h("p", problem.message.replace(/\.?$/, "."), " This view comes back by itself."),
    retry && h("button", { type: "button", onclick: retry }, "Try now"),
  );
}

const PATIENCE_MS = 200; // a quick answer needs no spinner
const AGAIN_MS = 2_000;

/**
 * Show what is asked for in `outlet`, or the state that is there instead; what stands there stays
 * while it is asked for again, and when the server is away after that (the head says so).
 *
 * `ask(signal)` returns a promise; `show(answer)` puts the answer on the page (called each time).
 * Returns {reload, restart, close}; `reload()` resolves when it is done, and so does `restart()`, after
 * which nothing that was shown before stays.
 */
export function loadInto(outlet, { what, ask, show, every }) {
  let control = null;
  let timer = null;
  let hasShown = false;
  let isClosed = false;

  function later(delay) {
    clearTimeout(timer);
    timer = setTimeout(() => (document.hidden ? later(delay) : reload()), delay);
  }

  async function reload() {
    if (isClosed) return;
    clearTimeout(timer);
    control?.abort();
    const mine = (control = new AbortController());
    const spinner = setTimeout(() => hasShown || fill(outlet, loading(what)), PATIENCE_MS);
    outlet.setAttribute("aria-busy", "true");
    try {
      const answer = await ask(mine.signal);
      if (mine.signal.aborted) return;
      if (!hasShown) fill(outlet);
      hasShown = true;
      show(answer);
      if (every) later(every);
    } catch (problem) {
      if (mine.signal.aborted) return;
      if (problem.status === undefined) throw problem;
      if (!problem.isAway) {
        hasShown = false;
        fill(outlet, failed(problem, reload));
        return;
      }
      if (!hasShown) fill(outlet, away(problem, reload));
      later(AGAIN_MS);
    } finally {
      clearTimeout(spinner);
      if (control === mine) outlet.removeAttribute("aria-busy");
    }
  }

  const off = live.on("gap", reload);
  reload();
  return {
    reload,
    restart() {
      hasShown = false;
      return reload();
    },
    close() {
      isClosed = true;
      off();
      clearTimeout(timer);
      control?.abort();
    },
  };
}
