// The head of every screen: how much waits, moves, retries and is dead; how old the oldest is; and
// whether all of that is still true.

import { fill, h, setText } from "../lib/dom.js";
import { total } from "../lib/history.js";
import { live } from "../lib/live.js";
import { link } from "../lib/router.js";
import { duration } from "../lib/time.js";

const COUNT = new Intl.NumberFormat();
const ageText = (seconds) => (seconds !== null && seconds < 1 ? "<1 s" : duration(seconds));
const STALE_AFTER_S = 6; // three rounds of asking

/** What the number of those that retry counts. */
export const RETRYING = "Wait for another attempt, or for a provider that takes messages again";

const FIGURES = [
  { name: "waiting", label: "Waiting", href: link("notifications", { status: "queued" }) },
  { name: "in_flight", label: "In flight", href: link("notifications", { status: "sending" }) },
  { name: "retrying", label: "Retrying", href: link("notifications", { status: "retrying" }), tone: "retry", of: retryingIn, title: RETRYING },
  { name: "dead", label: "Dead", href: link("dead-letters"), tone: "bad" },
  { name: "oldest_seconds", label: "Oldest", href: link("pipeline"), text: ageText, title: "How long the oldest of those that wait has waited" },
];

export const countText = (count) => (count === null || count === undefined ? "–" : COUNT.format(count));

/** The lanes know those, too, that have not been tried because every provider is paused. */
function retryingIn({ lanes, retrying }) {
  return total(lanes.filter(({ stage }) => stage === "delivery"), "delayed") ?? retrying;
}

export function startHead() {
  const cells = FIGURES.map(({ label, href, title }) => {
    const value = h("span.figure-value", "–");
    const cell = h("a.figure", { href, title }, value, h("span.figure-label", label));
    return { cell, value };
  });
  fill(document.querySelector(".figures"), cells.map(({ cell }) => cell));
  live.on("figures", (figures) => {
    FIGURES.forEach(({ name, text = countText, tone, of = (all) => all[name] }, at) => {
      const figure = of(figures);
      setText(cells[at].value, text(figure));
      if (tone) cells[at].cell.dataset.tone = figure ? tone : "";
    });
  });
  startConnection();
}

const STATES = {
  connecting: { word: "Connecting", title: "Waiting for the first answer" },
  live: { word: "Live", title: "Events arrive as they happen" },
  polling: { word: "Polling", title: "No event stream: figures are asked for every two seconds" },
  refused: { word: "No figures", title: "The server is there, but gives this key no figures" },
  away: { word: "Away", title: "The server does not answer; it is asked again and again" },
};

function startConnection() {
  const dot = h("span.dot", { "aria-hidden": true });
  const word = h("span.word");
  const age = h("span.age");
  const box = document.querySelector(".connection");
  fill(box, dot, word, age);
  const show = () => {
    const { state } = live;
    box.dataset.state = state;
    box.title = STATES[state].title;
    setText(word, STATES[state].word);
    const seconds = live.figuresAt ? Math.round((Date.now() - live.figuresAt) / 1000) : null;
    const isStale = seconds !== null && seconds >= STALE_AFTER_S;
    setText(age, isStale ? `${duration(seconds)} old` : "");
    document.body.classList.toggle("stale", isStale);
  };
  live.on("state", show);
  setInterval(show, 1000);
  show();
}
