// The first two stages: accepted, and validated by priority.

import { h, setText } from "../../lib/dom.js";
import { latest, oldest, seriesOf, total } from "../../lib/history.js";
import { link } from "../../lib/router.js";
import { duration } from "../../lib/time.js";
import { countText } from "../../ui/head.js";
import { draw, sparkline } from "../../ui/sparkline.js";

const PRIORITIES = ["high", "normal", "low"];

/** "12.3/s"; "–" while it is not known. */
export function rateText(rate) {
  if (rate === null || rate === undefined) return "–/s";
  return `${rate >= 10 || rate === 0 ? Math.round(rate) : rate.toFixed(1)}/s`;
}

export function acceptedStage() {
  const rate = h("span.big", "–");
  const line = sparkline();
  const scheduled = h("a", { href: link("notifications", { status: "scheduled" }) });
  const element = h(
    "section.stage.accepted",
    { "aria-label": "Accepted" },
    h("h2", "Accepted"),
    h("p", rate),
    line,
    h("p.small", scheduled),
  );
  return {
    element,
    update(figures) {
      setText(rate, rateText(latest("queued/s")));
      draw(line, seriesOf("queued/s"));
      setText(scheduled, `${countText(figures.scheduled)} scheduled for later`);
    },
  };
}

export function validationStage() {
  const lanes = new Map(PRIORITIES.map((priority) => [priority, validationLane(priority)]));
  const ofStage = (figures) => figures.lanes.filter(({ stage }) => stage === "validation");
  const age = h("p.small.muted");
  const element = h(
    "section.stage.validation",
    { "aria-label": "Validation" },
    h("h2", "Validation"),
    h("p.small.muted", "who, on which channel, to which address"),
    h("ul", [...lanes.values()].map((lane) => lane.element)),
    age,
  );
  return {
    element,
    rate: (figures) => total(ofStage(figures), "per_second") ?? latest("queued/s"),
    update(figures) {
      for (const lane of ofStage(figures)) lanes.get(lane.priority)?.update(lane);
      const seconds = oldest(ofStage(figures));
      setText(age, seconds === null ? "Nothing waits" : `Oldest ${duration(seconds)}`);
    },
  };
}

function validationLane(priority) {
  const depth = h("strong");
  const rate = h("span.muted");
  const bar = h("span.bar", { "aria-hidden": true });
  const place = link("notifications", { status: "queued" });
  const element = h("li", h("a.lane", { href: place }, h("span", priority), depth, rate, bar));
  return {
    element,
    update(lane) {
      const waiting = lane.waiting + (lane.in_flight ?? 0);
      setText(depth, countText(waiting));
      setText(rate, rateText(lane.per_second));
      setBar(bar, waiting);
      element.title = `${lane.waiting} wait, ${countText(lane.in_flight)} in flight, ${countText(lane.delayed)} wait for another attempt`;
    },
  };
}

/** Let a bar show a depth: 10, 100, 1,000 and 10,000 are a quarter of its length each. */
export function setBar(bar, depth) {
  bar.style.width = `${Math.min(100, Math.log10(depth + 1) * 25)}%`;
}
