// A small line of what was, newest at the right. What it means stands beside it in words.

import { s, set } from "../lib/dom.js";

const FEWEST = 30; // a page that was just opened has no past; a minute is drawn at least

/** Make an empty one; `draw(sparkline, numbers)` draws. */
export function sparkline({ width = 120, height = 28 } = {}) {
  const area = s("path.spark-area");
  const line = s("path.spark-line");
  const shape = { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": true };
  return Object.assign(s("svg.spark", shape, area, line), { size: { width, height } });
}

/** Draw numbers, oldest first; the scale goes from 0 to the greatest, at least to `least`. Zeros alone are no line. */
export function draw(spark, numbers, least = 1) {
  const { width, height } = spark.size;
  const most = Math.max(least, ...numbers);
  const step = width / (Math.max(FEWEST, numbers.length) - 1);
  const from = width - (numbers.length - 1) * step;
  const points = numbers.map((value, at) => `${(from + at * step).toFixed(1)} ${(height - 1.5 - (value / most) * (height - 4)).toFixed(1)}`);
  const path = points.length > 1 && numbers.some((value) => value > 0) ? `M${points.join("L")}` : "";
  set(spark.lastElementChild, { d: path });
  set(spark.firstElementChild, { d: path && `${path}V${height}H${from.toFixed(1)}Z` });
}
