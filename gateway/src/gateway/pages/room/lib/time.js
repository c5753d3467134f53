// Times in words. The server's clock counts: a browser's may be off by minutes.

import { h, set, setText } from "./dom.js";

const SLACK_MS = 500;
let ahead = 0; // how far the server's clock is ahead of ours, in milliseconds

/** Take over the server's time, of an answer that was asked for at `askedAt` and came just now. */
export function setServerTime(iso, askedAt) {
  const time = Date.parse(iso);
  if (!Number.isFinite(time)) return;
  // It was that time somewhere between the question and the answer, and an answer may take seconds.
  const [least, most] = [time - Date.now(), time - askedAt];
  if (ahead < least - SLACK_MS) ahead = least;
  else if (ahead > most + SLACK_MS) ahead = most;
}

export const now = () => Date.now() + ahead;

const UNITS = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "min"],
  [1, "s"],
];

/** "340 ms", "4 s", "12 min", "3 h 20 min", "2 d 4 h". */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return "–";
  if (seconds > 0 && seconds < 1) return `${Math.max(1, Math.round(seconds * 1000))} ms`;
  const whole = Math.round(seconds);
  const first = UNITS.findIndex(([size]) => whole >= size);
  if (first < 0) return "0 s";
  const [size, unit] = UNITS[first];
  const count = Math.floor(whole / size);
  const next = UNITS[first + 1];
  const rest = next && size > 60 ? Math.floor((whole % size) / next[0]) : 0;
  return rest ? `${count} ${unit} ${rest} ${next[1]}` : `${count} ${unit}`;
}

/** "in 4 s", "12 min ago", "just now". */
export function relative(iso) {
  const seconds = (Date.parse(iso) - now()) / 1000;
  if (!Number.isFinite(seconds)) return "–";
  if (Math.abs(seconds) < 1) return "just now";
  return seconds > 0 ? `in ${duration(Math.ceil(seconds))}` : `${duration(Math.floor(-seconds))} ago`;
}

const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

/** "10:42:13", by the reader's clock and language; with its day if that is not today. */
export function clock(iso) {
  const at = new Date(iso);
  const time = CLOCK.format(at);
  return at.toDateString() === new Date(now()).toDateString() ? time : `${DAY.format(at)}, ${time}`;
}
export const fullTime = (iso) => FULL.format(new Date(iso));

/** A <time> that says how long ago it was, and goes on saying so while it is shown. */
export function timeElement(iso) {
  if (!iso) return h("span.muted", "–");
  return h("time", { datetime: iso, title: fullTime(iso), "data-relative": true }, relative(iso));
}

/** Let a <time> made by `timeElement` show another time. */
export function setTime(element, iso) {
  set(element, { datetime: iso, title: fullTime(iso) });
  setText(element, relative(iso));
}

/** What a `datetime-local` field holds, which is by the reader's clock, as the API takes it; null if nothing. */
export function fromField(text) {
  const at = text ? new Date(text) : null;
  return at && !Number.isNaN(at.getTime()) ? at.toISOString() : null;
}

/** The other way round, to the second. */
export function toField(iso) {
  const at = iso ? new Date(iso) : null;
  if (!at || Number.isNaN(at.getTime())) return "";
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

setInterval(() => {
  if (document.hidden) return;
  for (const element of document.querySelectorAll("time[data-relative]")) {
    setText(element, relative(element.dateTime));
  }
}, 1000);
