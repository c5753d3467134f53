// The last five minutes, as far as the page has seen them: a point for each answer with figures.

import { live } from "./live.js";

const POINTS = 150;

/** Series of numbers by name, oldest first. */
const series = new Map();
let counts = {}; // changes of status since the last point
let lastAt = null;

/** The numbers of a series; empty if there is none yet. */
export const seriesOf = (name) => series.get(name) ?? [];

/** The last number of a series, or null. */
export const latest = (name) => series.get(name)?.at(-1) ?? null;

function add(name, value) {
  const numbers = series.get(name) ?? [];
  numbers.push(value);
  if (numbers.length > POINTS) numbers.shift();
  series.set(name, numbers);
}

/** Add up what the lanes of a pipeline's answer say; null counts nothing, and stays if all are null. */
export function total(lanes, name) {
  const known = lanes.map((lane) => lane[name]).filter((value) => value !== null);
  return known.length ? known.reduce((sum, value) => sum + value, 0) : null;
}

/** The greatest of the lanes' ages, or null. */
export function oldest(lanes) {
  const known = lanes.map(({ oldest_seconds: age }) => age).filter((age) => age !== null);
  return known.length ? Math.max(...known) : null;
}

function takeFigures(figures) {
  const at = performance.now();
  const seconds = lastAt === null ? null : (at - lastAt) / 1000;
  lastAt = at;
  for (const status of ["queued", "sent", "retrying", "failed"]) {
    if (seconds) add(`${status}/s`, (counts[status] ?? 0) / seconds);
  }
  counts = {};
  for (const { channel } of figures.channels) {
    add(`depth ${channel}`, total(figures.lanes.filter((lane) => lane.channel === channel), "waiting") ?? 0);
  }
}

function takeEvents(events) {
  for (const { status } of events) counts[status] = (counts[status] ?? 0) + 1;
}

export function startHistory() {
  live.on("figures", takeFigures);
  live.on("events", takeEvents);
}
