// What came of it, over the last five minutes.

import { h, setText } from "../../lib/dom.js";
import { latest, seriesOf } from "../../lib/history.js";
import { link } from "../../lib/router.js";
import { statusBadge } from "../../ui/badge.js";
import { draw, sparkline } from "../../ui/sparkline.js";
import { rateText } from "./accepting.js";

const STATUSES = { sent: "ok", retrying: "retry", failed: "bad" };

export function outcomes() {
  const all = Object.entries(STATUSES).map(([status, tone]) => outcome(status, tone));
  const element = h(
    "section.outcomes",
    { "aria-label": "What came of it, over the last five minutes" },
    all.map((each) => each.element),
  );
  return { element, update: () => all.forEach((each) => each.update()) };
}

function outcome(status, tone) {
  const rate = h("span.big", "–");
  const line = sparkline({ width: 300, height: 56 });
  const element = h("a.stage.outcome", { href: link("notifications", { status }), dataset: { tone } }, statusBadge(status), rate, line);
  return {
    element,
    update() {
      setText(rate, rateText(latest(`${status}/s`)));
      draw(line, seriesOf(`${status}/s`));
    },
  };
}
